import type { Schemas } from '@qdrant/js-client-rest'
import { toAppError } from '../../../core/errors.ts'
import type { Hit, PointKind } from '../../../ports/vector-index.ts'
import type { Page } from '../input.ts'
import type { QdrantCollections } from './collections.ts'
import { letsNothingThrough, type MetadataIndexes } from './filters.ts'
import type { QdrantNames } from './names.ts'
import { idOf, payloadOf } from './stored-points.ts'

/** A page that ends deeper than this is first compared with how many points there are: the server makes room for as many as it is asked for. */
const DEEP = 10_000
/** Points beyond the page that are asked for, in turn, until the last of them scores less than the last of the page. */
const TIE_MARGINS = [1, 16, 256, 4_096]

type ScoreOf = (point: Schemas['ScoredPoint']) => number

/**
 * The best `count` points and those beyond that tie with the last of them (up to 4,096). Qdrant does not say in which order it puts points
 * that score alike, nor which of them it leaves out at the end of a list.
 */
export async function bestWithTies(
  count: number,
  scoreOf: ScoreOf,
  first: (count: number) => Promise<readonly Schemas['ScoredPoint'][]>,
): Promise<readonly Schemas['ScoredPoint'][]> {
  let found: readonly Schemas['ScoredPoint'][] = []
  for (const margin of TIE_MARGINS) {
    found = await first(count + margin)
    const [atEnd, beyond] = [found[count - 1], found[count + margin - 1]]
    if (atEnd === undefined || beyond === undefined || scoreOf(beyond) < scoreOf(atEnd)) break
  }
  return found
}

/** Best first, ties by id. Points that somebody else has put here are left out. */
export function ranking(points: readonly Schemas['ScoredPoint'][], scoreOf: ScoreOf): Hit[] {
  const hits = points.flatMap((point) => {
    const id = idOf(point)
    const payload = payloadOf(point.payload)
    return id === null || payload === null ? [] : [{ id, score: scoreOf(point), payload }]
  })
  return hits.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

export type PageDependencies = {
  readonly names: QdrantNames
  readonly collections: QdrantCollections
  readonly metadataIndexes: MetadataIndexes
}

/** Cuts pages out of rankings that begin with the best point, and has the fields indexed that rankings are filtered by. */
export function createQdrantPages({ names, collections, metadataIndexes }: PageDependencies) {
  return async (
    generation: string,
    kind: PointKind,
    { limit, offset, filter }: Page,
    best: (count: number) => Promise<readonly Hit[]>,
  ): Promise<readonly Hit[]> => {
    if (limit === 0 || (filter !== null && letsNothingThrough(filter))) return []
    const end = offset + limit
    const count = end > DEEP ? Math.min(end, await collections.count(generation, kind)) : end
    if (count <= offset) return []
    const collection = names.collection(generation, kind)
    const hits = await best(count).catch(async (error: unknown) => {
      if (filter === null || toAppError(error).code !== 'filter-invalid') throw error
      await metadataIndexes.demand(collection, filter)
      return best(count)
    })
    if (filter !== null && hits.length > 0) await metadataIndexes.used(collection, filter)
    return hits.slice(offset, count)
  }
}
