import { AppError } from '../../src/core/errors.ts'
import { hashShare } from '../../src/core/split.ts'
import { normalise } from '../../src/core/vector.ts'
import type { Encoder } from '../../src/ports/encoder.ts'

export const DIMENSION = 16

/** The vector of a text or of a picture's bytes: each version sees another space. */
export const vectorOf = (modelVersion: string, text: string): Float32Array =>
  normalise(Float32Array.from({ length: DIMENSION }, (_, i) => hashShare(`${modelVersion}:${i}`, text) - 0.5))

/** The smallest deterministic model: a picture is the text of its bytes; one whose text begins with `broken` cannot be decoded. */
export function createWordEncoder(
  modelVersion: string,
  onEncode: (images: number, texts: number) => void = () => undefined,
) {
  let closed = false
  const encoder: Encoder & { isClosed(): boolean } = {
    modelVersion,
    dimension: DIMENSION,
    isClosed: () => closed,
    async encodeImages(images) {
      onEncode(images.length, 0)
      const texts = await Promise.all(images.map(async ({ bytes }) => new TextDecoder().decode(await bytes())))
      if (texts.some((text) => text.startsWith('broken')))
        throw new AppError('image-unreadable', 'The picture is broken.')
      return texts.map((text) => vectorOf(modelVersion, text))
    },
    async encodeTexts(texts) {
      onEncode(0, texts.length)
      await new Promise(setImmediate)
      return texts.map((text) => vectorOf(modelVersion, text))
    },
    async close() {
      closed = true
    },
  }
  return encoder
}
