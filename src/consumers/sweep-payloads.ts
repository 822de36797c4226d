import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { embedGroup } from '../core/consumer-groups.ts'
import { requireGoing } from '../core/stop.ts'
import type { Offsets } from '../ports/event-log.ts'
import type { Payload, Point } from '../ports/vector-index.ts'
import type { Effect } from './effects.ts'
import { imagePayload } from './image-payload.ts'
import { ignoreDropped } from './missing-generation.ts'
import { ownGenerations, pagesOf, type SweepDependencies } from './sweep.ts'

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

  const wrongAmong = (stored: ReadonlyMap<string, Payload>): string[] => {
    const images = catalogue.images([...stored.keys()])
    return [...stored].flatMap(([id, payload]) => {
      const image = images.get(id)
      return image === undefined || isDeepStrictEqual(imagePayload(image), payload) ? [] : [id]
    })
  }
  const corrected = async (generation: string, ids: readonly string[]): Promise<Point[]> => {
    const points = (await index.points(generation, 'images', ids).catch(ignoreDropped)) ?? []
    const images = catalogue.images(ids)
    return points.flatMap((point) => {
      const image = images.get(point.id)
      return image === undefined ? [] : [{ ...point, payload: imagePayload(image) }]
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
      // Without their vectors, which are nearly all there is to fetch of a point.
      const stored = (await index.payloads(generation, 'images', ids).catch(ignoreDropped)) ?? new Map()
      if (wrongAmong(stored).length === 0) continue
      // The point may be ahead of this catalogue.
      await catalogue.caughtUp(log, signal)
      const committed = await log.committedOffsets(embedGroup(generation), 'pairs')
      const wrong = wrongAmong(stored).filter((id) => !isUnderWay(id, committed))
      const points = wrong.length === 0 ? [] : await corrected(generation, wrong)
      if (points.length > 0) yield [{ type: 'points-upsert', generation, kind: 'images', points }]
    }
  }
}
