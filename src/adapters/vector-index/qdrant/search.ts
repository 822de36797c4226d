import type { Schemas } from '@qdrant/js-client-rest'
import { toAppError } from '../../../core/errors.ts'
import type { Filter, Hit, IndexQuery, PointKind } from '../../../ports/vector-index.ts'
import { checkQuery } from '../input.ts'
import type { QdrantCollections } from './collections.ts'
import type { QdrantConnection } from './connection.ts'
import { letsNothingThrough, qdrantFilter, type MetadataIndexes } from './filters.ts'
import type { QdrantNames } from './names.ts'
import type { QdrantSettings } from './settings.ts'
import { idOf, payloadOf } from './stored-points.ts'

/** A page that ends deeper than this is first compared with how many points there are: the server makes room for as many as it is asked for. */
const DEEP = 10_000
/** Points beyond the page that are asked for, in turn, until the last of them scores less than the last of the page. */
const TIE_MARGINS = [1, 16, 256, 4_096]

export function searchParameters(exact: boolean, count: number, settings: QdrantSettings) {
  if (exact) return { exact: true } satisfies Schemas['SearchParams']
  const { hnswEf, oversampling } = settings.searchParameters
  const quantised = settings.quantisation !== 'none'
  return {
    hnsw_ef: Math.max(hnswEf, quantised ? Math.ceil(count * oversampling) : count),
    ...(quantised ? { quantization: { rescore: true, oversampling } } : {}),
  } satisfies Schemas['SearchParams']
}

/** Rounding may take a cosine past 1. */
const cosine = ({ score }: Schemas['ScoredPoint']): number => Math.min(1, Math.max(-1, score))

/** Best first, ties by id. */
function ranking(points: readonly Schemas['ScoredPoint'][]): Hit[] {
  const hits = points.flatMap((point) => {
    const id = idOf(point)
    const payload = payloadOf(point.payload)
    return id === null || payload === null ? [] : [{ id, score: cosine(point), payload }]
  })
  return hits.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

export type SearchDependencies = {
  readonly connection: QdrantConnection
  readonly names: QdrantNames
  readonly collections: QdrantCollections
  readonly metadataIndexes: MetadataIndexes
  readonly settings: QdrantSettings
}

type Ask = { readonly vector: Float32Array; readonly filter: Filter | null; readonly exact: boolean }

/**
 * Search in one collection. Qdrant does not say in which order it puts points that score alike, nor which of them it leaves out at the
 * end of a page. So a page is cut here, out of a list that begins with the best point and goes on until a tie at the page's end is
 * complete (up to 4,096 points more). A list that is shorter than asked for is asked for once more, exactly: a walk of the graph past
 * many removed points may end early.
 */
export function createQdrantSearch({ connection, names, collections, metadataIndexes, settings }: SearchDependencies) {
  const points = async (generation: string, kind: PointKind, count: number, { vector, filter, exact }: Ask) => {
    const { points } = await connection.read(
      (client) =>
        client.query(names.collection(generation, kind), {
          query: Array.from(vector),
          limit: count,
          with_payload: true,
          params: searchParameters(exact, count, settings),
          ...(filter === null ? {} : { filter: qdrantFilter(filter) }),
        }),
      generation,
    )
    return points
  }

  const best = async (generation: string, kind: PointKind, count: number, ask: Ask): Promise<Hit[]> => {
    let found: readonly Schemas['ScoredPoint'][] = []
    for (const margin of TIE_MARGINS) {
      found = await points(generation, kind, count + margin, ask)
      const [atEnd, beyond] = [found[count - 1], found[count + margin - 1]]
      if (atEnd === undefined || beyond === undefined || cosine(beyond) < cosine(atEnd)) break
    }
    return found.length < count && !ask.exact
      ? best(generation, kind, count, { ...ask, exact: true })
      : ranking(found).slice(0, count)
  }

  return async (generation: string, kind: PointKind, query: IndexQuery): Promise<readonly Hit[]> => {
    const { limit, offset, filter } = await collections.checked(generation, kind, (dimension) =>
      checkQuery(query, dimension),
    )
    if (limit === 0 || (filter !== null && letsNothingThrough(filter))) return []
    const end = offset + limit
    const count = end > DEEP ? Math.min(end, await collections.count(generation, kind)) : end
    if (count <= offset) return []
    const ask = { vector: query.vector, filter, exact: query.exact ?? false }
    if (filter === null) return (await best(generation, kind, count, ask)).slice(offset)

    const collection = names.collection(generation, kind)
    const hits = await best(generation, kind, count, ask).catch(async (error: unknown) => {
      if (toAppError(error).code !== 'filter-invalid') throw error
      await metadataIndexes.demand(collection, filter)
      return best(generation, kind, count, ask)
    })
    if (hits.length > 0) await metadataIndexes.used(collection, filter)
    return hits.slice(offset)
  }
}
