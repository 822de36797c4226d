import { hashShare } from '../../src/core/split.ts'
import { normalise } from '../../src/core/vector.ts'
import type { Encoder } from '../../src/ports/encoder.ts'

const DIMENSION = 16

const vectorOf = (modelVersion: string, key: string): Float32Array =>
  normalise(Float32Array.from({ length: DIMENSION }, (_, i) => hashShare(`${modelVersion}:${i}`, key) - 0.5))

/** The fastest model with spaces of its own: a picture is its id, a text its characters, each version another space. */
export function createTinyEncoder(modelVersion: string): Encoder {
  return {
    modelVersion,
    dimension: DIMENSION,
    async encodeImages(images) {
      await Promise.all(images.map(({ bytes }) => bytes()))
      return images.map(({ imageId }) => vectorOf(modelVersion, imageId ?? ''))
    },
    encodeTexts: async (texts) => texts.map((text) => vectorOf(modelVersion, text)),
    close: async () => undefined,
  }
}
