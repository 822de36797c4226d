import { normaliseCaption } from '../../../src/core/caption.ts'
import { imageIdOf, pairIdOf } from '../../../src/core/ids.ts'
import { generateScenes, type SceneOptions } from '../../../src/producers/scenes/generate.ts'

/** A picture with its captions, and the ids that publishing them yields. */
export type Supplied = {
  readonly image: string
  readonly imageId: string
  readonly split: string
  readonly pairs: readonly { readonly pairId: string; readonly caption: string }[]
}

/** Pictures that are worth a training, the same for the same options, one at a time. */
export function createSupply(options: SceneOptions): () => Promise<Supplied> {
  const scenes = generateScenes(options)[Symbol.asyncIterator]()
  return async () => {
    const next = await scenes.next()
    if (next.done === true) throw new Error('There are no more pictures.')
    const scene = next.value
    const imageId = imageIdOf(scene.picture)
    const captions = [...new Set(scene.captions.map(({ text }) => normaliseCaption(text)))]
    return {
      image: Buffer.from(scene.picture).toString('base64'),
      imageId,
      split: scene.split,
      pairs: captions.map((caption) => ({ caption, pairId: pairIdOf(imageId, caption) })),
    }
  }
}

/** The same picture with one caption only, another than its own. */
export function withOtherCaption({ image, imageId, split }: Supplied, text: string): Supplied {
  const caption = normaliseCaption(text)
  return { image, imageId, split, pairs: [{ caption, pairId: pairIdOf(imageId, caption) }] }
}
