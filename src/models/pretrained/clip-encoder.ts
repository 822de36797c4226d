import { normalise } from '../../core/vector.ts'
import type { Encoder } from '../../ports/encoder.ts'
import type { FeatureCache } from '../feature-cache.ts'
import { computeFeatures } from '../image-features.ts'
import type { ClipTowerOptions } from './clip-towers.ts'
import { openClip } from './clip.ts'

type ClipEncoderOptions = ClipTowerOptions & {
  /** Where the embeddings of pictures that have an id are looked up and kept; without it every picture is decoded. */
  readonly features?: FeatureCache
}

/** A picture as it is: CLIP was trained without mirror images. */
const VIEWS = ['plain'] as const

/** Opens a published CLIP as it is, zero-shot. Throws `model-invalid` or `model-corrupt`. */
export async function openClipEncoder(folder: string, options: ClipEncoderOptions = {}): Promise<Encoder> {
  const { id, width, vision, texts, close } = await openClip(folder, options)
  const { features: cache } = options
  return {
    modelVersion: `clip-${id}`,
    dimension: width,
    async encodeImages(images, signal) {
      const rows = await (cache?.features(images, vision, VIEWS, signal) ??
        computeFeatures(images, vision, VIEWS, signal))
      return rows.map(([embedding = new Float32Array()]) => normalise(embedding))
    },
    encodeTexts: (given) => texts.encode(given),
    close,
  }
}
