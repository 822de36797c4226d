import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { DECODING_VERSION, type Backbone } from '../backbone.ts'
import type { TensorFacts } from '../onnx-session.ts'
import { readPreprocessing, type Preprocessing } from '../preprocessing.ts'
import { openPretrainedSession, type PretrainedSession, type PretrainedSessionOptions } from './pretrained-session.ts'

/** As Optimum and transformers.js name it, and as open_clip does. */
const OUTPUTS = ['image_embeds', 'image_features']

/** The picture half of a model that has two. */
export type VisionTower = Backbone & {
  /** The SHA-256 of the network. */
  readonly digest: string
}

/**
 * Opens the picture half of a model that has two, as a backbone whose features are the projected embeddings, not normalised. `source` is
 * its ONNX file or the bytes of it, `folder` holds `preprocessor_config.json`. Throws `model-invalid` or `model-corrupt`.
 */
export async function openVisionTower(
  folder: string,
  source: string | Uint8Array,
  options: PretrainedSessionOptions = {},
): Promise<VisionTower> {
  // A transformer without pooling passes on what differs by a few levels of 255.
  const preprocessing = { ...(await readPreprocessing(folder)), resampling: 'pillow' } as const
  const session = await openPretrainedSession(source, options)
  const where = typeof source === 'string' ? source : folder
  try {
    const input = pictureInput(session, preprocessing, where)
    const output = embeddingOutput(session.outputs, where)
    const run = runnerOf(session, input, output, preprocessing, where)
    const declared = output.shape[1]
    const { width, height } = preprocessing.crop
    const probe =
      typeof declared === 'number' ? declared : (await run([new Float32Array(3 * width * height)]))[0]?.length
    return {
      id: sha256Hex([session.digest, JSON.stringify(preprocessing), DECODING_VERSION].join('\n')).slice(0, 16),
      digest: session.digest,
      featureWidth: probe ?? 0,
      regions: null,
      preprocessing,
      run,
      withRegions() {
        throw new AppError('model-invalid', `The picture half of ${where} shows no regions; leave out IMAGE_HEAD.`)
      },
      close: () => session.close(),
    }
  } catch (error) {
    await session.close()
    throw error
  }
}

function runnerOf(
  session: PretrainedSession,
  input: TensorFacts,
  output: TensorFacts,
  { crop }: Preprocessing,
  where: string,
): Backbone['run'] {
  const length = 3 * crop.width * crop.height
  const runBatch = async (pixels: readonly Float32Array[]): Promise<Float32Array[]> => {
    const data = new Float32Array(pixels.length * length)
    pixels.forEach((picture, index) => data.set(picture, index * length))
    const shape = [pixels.length, 3, crop.height, crop.width]
    const result = (await session.run({ [input.name]: { data, shape } }, [output.name]))[output.name]
    const values = result?.data ?? new Float32Array()
    const width = values.length / pixels.length
    if (!Number.isInteger(width) || width === 0 || !values.every(Number.isFinite)) {
      throw new AppError('model-corrupt', `The picture half of ${where} gives no numbers; fetch the model again.`)
    }
    return pixels.map((_, index) => values.slice(index * width, (index + 1) * width))
  }
  return async (pixels) => {
    if (pixels.length === 0) return []
    if (session.batches && typeof input.shape[0] === 'string') return runBatch(pixels)
    const results: Float32Array[] = []
    for (const picture of pixels) results.push(...(await runBatch([picture])))
    return results
  }
}

function pictureInput({ inputs }: PretrainedSession, { crop }: Preprocessing, where: string): TensorFacts {
  const [input, ...others] = inputs
  const wanted = [1, 3, crop.height, crop.width]
  const fits = input?.shape.every((size, axis) => typeof size === 'string' || size === wanted[axis]) === true
  if (input !== undefined && others.length === 0 && input.shape.length === 4 && fits) return input
  const found = inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')
  throw new AppError(
    'model-invalid',
    `${where} must take one picture [batch, 3, ${crop.height}, ${crop.width}] as preprocessor_config.json says; it takes ${found}.`,
  )
}

function embeddingOutput(outputs: readonly TensorFacts[], where: string): TensorFacts {
  const found = OUTPUTS.map((name) => outputs.find((output) => output.name === name)).find((output) => output !== undefined) // prettier-ignore
  if (found?.shape.length === 2) return found
  throw new AppError(
    'model-invalid',
    `${where} has no output image_embeds [batch, width]; export it with its projection.`,
  )
}
