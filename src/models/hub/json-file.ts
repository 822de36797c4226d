import { AppError } from '../../core/errors.ts'

/** Deeper than any configuration; readers that call themselves survive it. */
const DEEPEST = 64

/** Reads JSON of somebody else's. Throws `model-invalid` where it is none, `model-unsafe` where it nests too deeply. */
export function parseForeignJson(text: string, path: string): unknown {
  if (depthOf(text) > DEEPEST) {
    throw new AppError('model-unsafe', `${path} nests over ${DEEPEST} levels deep; do not use this model.`)
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('model-invalid', `${path} is not JSON; name another revision of the model.`, { cause })
  }
}

/** How deeply brackets nest, outside of texts. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inText = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (character === '"') inText = !inText
    else if (inText) index += character === '\\' ? 1 : 0
    else if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}
