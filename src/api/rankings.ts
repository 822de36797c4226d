import type { Catalogue } from '../catalogue/catalogue.ts'
import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import { fuseRanks } from './fuse-ranks.ts'
import { candidateOf, firstOfEach, type Candidate } from './live-hits.ts'
import { normaliseQuery } from './query-vector.ts'
import { textsIn, type SearchRequest } from './search-types.ts'
import type { Served } from './serving.ts'

/** The best candidates of a search, best first: as many as asked for, fewer where there are no more. */
export type Ranking = (count: number) => Promise<readonly Candidate[]>

/** How long an index may take for words, in milliseconds, before they are looked up in the catalogue: one that hangs is as good as away. */
const WORDS_PATIENCE = 2_000

/** How many candidates of each ranking are fused: a constant, so that every page is cut out of the same list. */
const FUSED = 200

const tooLate = (): AppError => new AppError('index-unavailable', 'The index did not answer in time.')

/** The ways in which the index, and in its absence the catalogue, rank what they hold. */
export function createRankings({ index, catalogue }: { readonly index: VectorIndex; readonly catalogue: Catalogue }) {
  const byVector =
    ({ target, filter }: SearchRequest, { generation }: Served, vector: Float32Array): Ranking =>
    async (limit) =>
      (await index.search(generation, target, { vector, limit, filter })).map((hit) => candidateOf(target, hit))

  /** Captions by their words, from the index of the release; where there is none, or the index is away, from the catalogue. */
  const byWords = (request: SearchRequest, served: Served | null): Ranking => {
    const { filter } = request
    const words = normaliseQuery(textsIn(request)[0] ?? '')
    let source = served
    return async (limit) => {
      if (source === null) return catalogue.searchText(words, limit, 0, filter)
      try {
        const search = index.searchWords(source.generation, { words, limit, filter })
        return (await withDeadline(search, WORDS_PATIENCE, tooLate)).map((hit) => candidateOf('captions', hit))
      } catch (error) {
        if (toAppError(error).code !== 'index-unavailable') throw error
        source = null
        return catalogue.searchText(words, limit, 0, filter)
      }
    }
  }

  /** The captions that are alive; for pictures, each picture where the first of its captions stands. */
  const liveByWords = async (request: SearchRequest, served: Served): Promise<Candidate[]> => {
    const found = await byWords(request, served)(FUSED)
    const live = catalogue.liveAmong(
      'captions',
      found.flatMap(({ pairId }) => pairId ?? []),
    )
    const captions = found.filter(({ pairId }) => pairId !== null && live.has(pairId))
    if (request.target === 'captions') return captions
    return firstOfEach(captions, ({ imageId }) => imageId).map((caption) => ({ ...caption, pairId: null }))
  }

  return {
    byVector,
    byWords,
    /** The first of both, fused. */
    byBoth(request: SearchRequest, served: Served, vector: Float32Array): Ranking {
      let fused: Promise<readonly Candidate[]> | undefined
      const fuse = async () =>
        fuseRanks(await Promise.all([byVector(request, served, vector)(FUSED), liveByWords(request, served)]))
      return async (count) => (await (fused ??= fuse())).slice(0, count)
    },
  }
}
