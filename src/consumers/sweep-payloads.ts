import { isDeepStrictEqual } from 'node:util'
import type { Effect } from './effects.ts'
import { imagePayload } from './image-payload.ts'
import { ignoreDropped, pagesOf, type SweepDependencies } from './sweep.ts'

/**
 * The image points that say other than the catalogue what is said of an image, of those images that have lost a caption and live on:
 * a worker that was stalled may have written an erased one after all others had passed the tombstone. As effects that write them anew,
 * each batch to be applied before the next is taken.
 */
export async function* sweepPayloads(
  deps: Pick<SweepDependencies, 'catalogue' | 'log' | 'index'>,
): AsyncGenerator<readonly Effect[]> {
  const { catalogue, log, index } = deps
  const touched = new Set(catalogue.erasures().map(({ imageId }) => imageId))
  for (const { generation } of await index.generations()) {
    for await (const ids of pagesOf([...touched].filter(catalogue.isLiveImage))) {
      const stored = (await index.points(generation, 'images', ids).catch(ignoreDropped)) ?? []
      const corrected = () => {
        const images = catalogue.images(ids)
        return stored.flatMap((point) => {
          const image = images.get(point.id)
          const payload = image === undefined ? point.payload : imagePayload(image)
          return isDeepStrictEqual(payload, point.payload) ? [] : [{ ...point, payload }]
        })
      }
      if (corrected().length === 0) continue
      // The point may be ahead of this catalogue.
      await catalogue.caughtUp(log)
      const points = corrected()
      if (points.length > 0) yield [{ type: 'points-upsert', generation, kind: 'images', points }]
    }
  }
}
