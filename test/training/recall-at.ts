import type { LivePair } from '../../src/catalogue/catalogue.ts'
import { dot } from '../../src/core/vector.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import type { Services } from '../../src/roles/services.ts'

/** The share of captions whose picture is among the first `limit`, as the development recall counts. */
export async function recallAt(
  limit: number,
  encoder: Encoder,
  pairs: readonly LivePair[],
  services: Pick<Services, 'bytesOf'>,
): Promise<number> {
  const imageIds = [...new Set(pairs.map(({ imageId }) => imageId))]
  const images = await encoder.encodeImages(
    imageIds.map((imageId) => ({ imageId, bytes: () => services.bytesOf(imageId) })),
  )
  const texts = await encoder.encodeTexts(pairs.map(({ caption }) => caption))
  const found = pairs.filter(({ imageId }, i) => {
    const scores = images.map((image) => dot(image, texts[i] ?? new Float32Array()))
    const own = scores[imageIds.indexOf(imageId)] ?? 0
    return scores.filter((score) => score > own).length < limit
  })
  return found.length / pairs.length
}
