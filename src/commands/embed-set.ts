import type { Encoder } from '../ports/encoder.ts'
import { encodePictures, encodeTexts, type BrokenPicture } from './encode-pictures.ts'
import type { EvaluationSet } from './evaluation-set.ts'
import { counted } from './figures.ts'
import type { Progress } from './progress.ts'

/** A set as vectors of one model. */
export type EmbeddedSet = {
  readonly images: readonly { readonly id: string; readonly vector: Float32Array }[]
  readonly captions: readonly {
    readonly id: string
    readonly imageId: string
    readonly text: string
    readonly vector: Float32Array
  }[]
  readonly relevant: ReadonlyMap<string, readonly string[]>
  readonly broken: readonly BrokenPicture[]
}

/** Embeds what is to be evaluated; the captions of a picture that is broken are left out with it. */
export async function embedSet(encoder: Encoder, set: EvaluationSet, progress: Progress): Promise<EmbeddedSet> {
  const looking = progress.stage('pictures', set.pictures.length)
  const { encoded, broken } = await encodePictures(encoder, set.pictures, (done) => looking.update(done))
  looking.finish(`${counted(encoded.length, 'picture')} embedded`)
  const present = new Set(encoded.map(({ name }) => name))
  const captions = set.captions.filter(({ picture }) => present.has(picture))
  const reading = progress.stage('captions', captions.length)
  const vectors = await encodeTexts(
    encoder,
    captions.map(({ text }) => text),
    (done) => reading.update(done),
  )
  reading.finish(`${counted(captions.length, 'caption')} embedded`)
  return {
    images: encoded.map(({ name, vector }) => ({ id: name, vector })),
    captions: captions.map(({ id, picture, text }, index) => ({
      id,
      imageId: picture,
      text,
      vector: vectors[index] ?? new Float32Array(),
    })),
    relevant: set.relevant,
    broken,
  }
}
