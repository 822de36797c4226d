import type { Schemas } from '@qdrant/js-client-rest'
import type { Filter, Hit, IndexQuery, PointKind, WordsQuery } from '../../../ports/vector-index.ts'
import { checkPage, checkQuery } from '../input.ts'
import type { QdrantConnection } from './connection.ts'
import { qdrantFilter } from './filters.ts'
import { bestWithTies, createQdrantPages, ranking, type PageDependencies } from './pages.ts'
import type { QdrantSettings } from './settings.ts'
import { WORDS, wordsIn } from './words.ts'

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

const bm25 = ({ score }: Schemas['ScoredPoint']): number => score

export type SearchDependencies = PageDependencies & {
  readonly connection: QdrantConnection
  readonly settings: QdrantSettings
}

/** Search in one collection: by its dense vectors, or by the words of captions. */
export function createQdrantSearch(dependencies: SearchDependencies) {
  const { connection, names, collections, settings } = dependencies
  const pageOf = createQdrantPages(dependencies)

  const points = async (
    generation: string,
    kind: PointKind,
    filter: Filter | null,
    ask: Pick<Schemas['QueryRequest'], 'query' | 'using' | 'limit' | 'params'>,
  ): Promise<readonly Schemas['ScoredPoint'][]> => {
    const request = { ...ask, with_payload: true, ...(filter === null ? {} : { filter: qdrantFilter(filter) }) }
    const collection = names.collection(generation, kind)
    return (await connection.read((client) => client.query(collection, request), generation)).points
  }

  return {
    async search(generation: string, kind: PointKind, query: IndexQuery): Promise<readonly Hit[]> {
      const page = await collections.checked(generation, kind, (dimension) => checkQuery(query, dimension))
      const nearest = (count: number, exact: boolean): Promise<readonly Schemas['ScoredPoint'][]> =>
        bestWithTies(count, cosine, (limit) => {
          const ask = { query: Array.from(query.vector), limit, params: searchParameters(exact, limit, settings) }
          return points(generation, kind, page.filter, ask)
        })
      return pageOf(generation, kind, page, async (count) => {
        const exact = query.exact ?? false
        const found = await nearest(count, exact)
        // A walk of the graph past many removed points may end early.
        const isWhole = exact || found.length >= count
        return ranking(isWhole ? found : await nearest(count, true), cosine)
      })
    },
    async searchWords(generation: string, query: WordsQuery): Promise<readonly Hit[]> {
      const page = await collections.checked(generation, 'captions', () => checkPage(query))
      const words = wordsIn(query.words)
      if (words === null) return []
      return pageOf(generation, 'captions', page, async (count) => {
        const found = await bestWithTies(count, bm25, (limit) =>
          points(generation, 'captions', page.filter, { query: words, using: WORDS, limit }),
        )
        return ranking(found, bm25)
      })
    },
  }
}
