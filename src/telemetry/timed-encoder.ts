import type { Encoder } from '../ports/encoder.ts'
import type { EmbeddingKind } from './metrics.ts'

/** An encoder that tells how long each call took, in seconds: pictures and captions apart, empty calls not at all. */
export function timedEncoder(encoder: Encoder, observe: (kind: EmbeddingKind, seconds: number) => void): Encoder {
  const timed =
    <Item, Option>(
      kind: EmbeddingKind,
      encode: (items: readonly Item[], option?: Option) => Promise<readonly Float32Array[]>,
    ) =>
    async (items: readonly Item[], option?: Option): Promise<readonly Float32Array[]> => {
      if (items.length === 0) return []
      const start = performance.now()
      const vectors = await encode(items, option)
      observe(kind, (performance.now() - start) / 1_000)
      return vectors
    }
  return {
    ...encoder,
    encodeImages: timed('image', encoder.encodeImages),
    encodeTexts: timed('caption', encoder.encodeTexts),
  }
}
