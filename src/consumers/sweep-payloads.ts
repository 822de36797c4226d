import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { embedGroup } from '../core/consumer-groups.ts'
import { requireGoing } from '../core/stop.ts'
import type { Offsets } from '../ports/event-log.ts'
import type { Point } from '../ports/vector-index.ts'
import type { Effect } from './effects.ts'
import { imagePayload } from './image-payload.ts'
import { ignoreDropped, ownGenerations, pagesOf, type SweepDependencies } from './sweep.ts'

/**
 * The image points that say other than the catalogue what is said of an image: a worker that was stalled may have written what it once
 * knew, an erased caption or all but the newest, after all others had gone on. As effects that write them anew, each batch to be applied
 * before the next is taken. What the generation's own consumers have yet to do is left to them.
 */
export async function* sweepPayloads(
  deps: Pick<SweepDependencies, 'catalogue' | 'log' | 'index'>,
  signal?: AbortSignal,
): AsyncGenerator<readonly Effect[]> {
  const { catalogue, log, index } = deps

  const corrected = (stored: readonly Point[]): Point[] => {
    const images = catalogue.images(stored.map(({ id }) => id))
    return stored.flatMap((point) => {
      const image = images.get(point.id)
      const payload = image === undefined ? point.payload : imagePayload(image)
      return isDeepStrictEqual(payload, point.payload) ? [] : [{ ...point, payload }]
    })
  }
  const isUnderWay = (imageId: string, committed: Offsets): boolean =>
    catalogue
      .pairsOfImage(imageId)
      .some(({ position: { partition, offset } }) => (committed.get(partition) ?? Number.POSITIVE_INFINITY) <= offset)

  for (const generation of await ownGenerations(deps)) {
    for await (const ids of pagesOf(catalogue.liveImageIds())) {
      await nextTurn() // neither the catalogue nor an embedded index gives way by itself
      requireGoing(signal)
      const stored = (await index.points(generation, 'images', ids).catch(ignoreDropped)) ?? []
      if (corrected(stored).length === 0) continue
      // The point may be ahead of this catalogue.
      await catalogue.caughtUp(log, signal)
      const committed = await log.committedOffsets(embedGroup(generation), 'pairs')
      const points = corrected(stored).filter(({ id }) => !isUnderWay(id, committed))
      if (points.length > 0) yield [{ type: 'points-upsert', generation, kind: 'images', points }]
    }
  }
}
