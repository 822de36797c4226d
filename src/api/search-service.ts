import type { Catalogue } from '../catalogue/catalogue.ts'
import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import { normaliseQuery, queryVector } from './query-vector.ts'
import { candidateOf, joinLive, livePage, picturesOf, type Candidate, type LiveHit } from './live-hits.ts'
import { imageAddress, type SearchHit, type SearchRequest, type SearchResult } from './search-types.ts'
import { rerankHits, unranked, type RankedHit, type Reranking, type RerankingReport } from './rerank-hits.ts'
import type { Served, Serving } from './serving.ts'

export interface SearchService {
  /** Throws `no-model` (mode `vector`), `invalid-request`, `invalid-vector`, `image-not-found`, `not-ready`, or the picture's `image-…`. */
  search(request: SearchRequest): Promise<SearchResult>
}

interface SearchMetrics {
  searched(search: { mode: string; target: string; input: string; seconds: number }): void
}

/** How long an index may take for words, in milliseconds, before they are looked up in the catalogue: one that hangs is as good as away. */
const WORDS_PATIENCE = 2_000

const tooLate = (): AppError => new AppError('index-unavailable', 'The index did not answer in time.')

type Release = { readonly modelVersion: string; readonly generation: string } | null

export function createSearchService(deps: {
  serving: Serving
  index: VectorIndex
  catalogue: Catalogue
  reranking: Reranking
  metrics?: SearchMetrics
}): SearchService {
  const { serving, index, catalogue } = deps

  const vectorHits = async (request: SearchRequest, served: Served): Promise<LiveHit[]> => {
    const { input, target, filter } = request
    const vector = await queryVector(input, served, index, catalogue)
    const own = input.kind === 'image' && target === 'images' ? input.imageId : null
    return livePage(
      request,
      async (limit) =>
        (await index.search(served.generation, target, { vector, limit, filter })).map((hit) =>
          candidateOf(target, hit),
        ),
      (candidates) => joinLive(catalogue, candidates, filter).filter((hit) => hit.image.imageId !== own),
    )
  }

  /** Words are searched in the index of the release; where there is none, or the index is away, in the catalogue. */
  const textHits = async (request: SearchRequest, served: Served | null): Promise<LiveHit[]> => {
    const { input, target, filter } = request
    if (input.kind !== 'text') {
      throw new AppError('invalid-request', 'Full text compares words: search by text, or leave the mode at "vector".')
    }
    const words = normaliseQuery(input.text)
    const live = (fetch: (limit: number) => Promise<readonly Candidate[]>): Promise<LiveHit[]> =>
      livePage(request, fetch, (found) => {
        const captions = joinLive(catalogue, found, filter)
        return target === 'images' ? picturesOf(captions) : captions
      })
    const fromCatalogue = () => live(async (limit) => catalogue.searchText(words, limit, 0, filter))
    if (served === null) return fromCatalogue()
    try {
      return await live(async (limit) =>
        (
          await withDeadline(index.searchWords(served.generation, { words, limit, filter }), WORDS_PATIENCE, tooLate)
        ).map((hit) => candidateOf('captions', hit)),
      )
    } catch (error) {
      if (toAppError(error).code !== 'index-unavailable') throw error
      return fromCatalogue()
    }
  }

  /** What was found, and whose release it is. */
  type Found = { readonly hits: readonly LiveHit[]; readonly release: Release }

  const find = async (request: SearchRequest): Promise<Found> => {
    if (request.mode === 'text' && serving.current() === null) {
      return { hits: await textHits(request, null), release: null }
    }
    return serving.hold(async (served) => {
      const { modelVersion, generation } = served
      const hits = await (request.mode === 'text' ? textHits(request, served) : vectorHits(request, served))
      return { hits, release: { modelVersion, generation } }
    })
  }

  /** The page of a search whose first `count` hits are put into a better order before it is cut. */
  const findReranked = async (request: SearchRequest, count: number) => {
    const { input, offset, limit } = request
    if (input.kind !== 'text') {
      throw new AppError('invalid-request', 'Reranking compares words: search by text, or leave out "rerank".')
    }
    const { hits, release } = await find({ ...request, offset: 0, limit: Math.max(offset + limit, count) })
    const foundAt = performance.now()
    const ranked = await rerankHits(deps.reranking, normaliseQuery(input.text), hits, count)
    const rerankedIn = performance.now() - foundAt
    // It took a while, in which any of them may have been erased.
    const live = joinLive(catalogue, ranked.hits.map(candidateOfHit), request.filter)
    const scores = new Map(ranked.hits.map((hit) => [idOf(hit), hit.rerankScore]))
    const alive = live.map((hit): RankedHit => ({ ...hit, rerankScore: scores.get(idOf(hit)) ?? null }))
    return { hits: alive.slice(offset, offset + limit), release, report: ranked.report, rerankedIn }
  }

  type Answer = {
    readonly hits: readonly RankedHit[]
    readonly release: Release
    readonly report: RerankingReport | null
    /** Milliseconds, of no concern to the release that is searched. */
    readonly rerankedIn: number
  }

  const answerOf = async (request: SearchRequest): Promise<Answer> => {
    if (request.rerank !== undefined && request.rerank > 0) return findReranked(request, request.rerank)
    const { hits, release } = await find(request)
    return { hits: unranked(hits), release, report: null, rerankedIn: 0 }
  }

  return {
    async search(request) {
      const startedAt = performance.now()
      const { hits, release, report, rerankedIn } = await answerOf(request)
      const result: SearchResult = {
        hits: hits.map((hit) => searchHit(hit, release)),
        modelVersion: release?.modelVersion ?? null,
        generation: release?.generation ?? null,
        reranked: report,
        tookMs: performance.now() - startedAt,
      }
      const { mode, target, input } = request
      deps.metrics?.searched({ mode, target, input: input.kind, seconds: (result.tookMs - rerankedIn) / 1_000 })
      return result
    },
  }
}

const idOf = ({ image, pairId }: LiveHit): string => pairId ?? image.imageId

const candidateOfHit = ({ image, pairId, score }: LiveHit): Candidate => ({ imageId: image.imageId, pairId, score })

function searchHit({ score, rerankScore, image, pairId, caption }: RankedHit, release: Release): SearchHit {
  const { imageId, captions, split, metadata } = image
  return {
    score,
    rerankScore,
    imageId,
    image: imageAddress(imageId),
    captions,
    pairId,
    caption,
    split,
    metadata,
    modelVersion: release?.modelVersion ?? null,
    generation: release?.generation ?? null,
  }
}
