import type { Catalogue } from '../catalogue/catalogue.ts'
import type { AppError } from '../core/errors.ts'
import { createFinding, type Course, type FindingDependencies, type FoundHit } from './find-hits.ts'
import type { LiveHit } from './live-hits.ts'
import { duplicatesOf } from './near-duplicates.ts'
import type { TextEncoding } from './query-vector.ts'
import type { RankedHit } from './rerank-hits.ts'
import { encodedTogether, inBatches } from './search-batch.ts'
import { refuseSenseless } from './search-rules.ts'
import {
  imageAddress,
  type SearchHit,
  type SearchRelease,
  type SearchRequest,
  type SearchResult,
} from './search-types.ts'
import type { Served, Serving } from './serving.ts'
import { createStageClock } from './stage-clock.ts'

export interface SearchService {
  /**
   * Throws `no-model` (unless words alone are compared), `invalid-request`, `invalid-vector`, `image-not-found`, `not-ready`, or the picture's
   * `image-…`.
   */
  search(request: SearchRequest): Promise<SearchResult>
  /** Several searches under one release, their texts encoded together; each has its result or what it would throw, in their order. */
  searchAll(requests: readonly SearchRequest[]): Promise<readonly (SearchResult | AppError)[]>
}

interface SearchMetrics {
  searched(search: { mode: string; target: string; input: string; seconds: number }): void
}

type SearchDependencies = FindingDependencies & {
  readonly serving: Serving
  /** Stands around every search that is made: gives the answer that it had given before, or runs it. */
  readonly around?: (
    request: SearchRequest,
    release: SearchRelease | null,
    run: () => Promise<SearchResult>,
  ) => Promise<SearchResult>
  readonly metrics?: SearchMetrics
}

export function createSearchService(deps: SearchDependencies): SearchService {
  const { serving, catalogue } = deps
  const find = createFinding(deps)

  const run = async (
    request: SearchRequest,
    release: SearchRelease | null,
    course: Omit<Course, 'clock'>,
  ): Promise<SearchResult> => {
    const clock = createStageClock()
    const { hits, noMatch, threshold, report } = await find(request, { ...course, clock })
    const shown = clock.within('join', () =>
      hits.map((hit) => searchHit(hit, release, duplicatesIn(catalogue, request, hit))),
    )
    const stages = clock.read()
    const { mode, target, input } = request
    // What the reranker takes is of no concern to the release that is searched.
    deps.metrics?.searched({ mode, target, input: input.kind, seconds: (stages.total - stages.rerank) / 1_000 })
    return {
      hits: shown,
      noMatch,
      relevanceThreshold: threshold,
      release,
      modelVersion: release?.modelVersion ?? null,
      generation: release?.generation ?? null,
      reranked: report,
      cached: false,
      stages,
      tookMs: stages.total,
    }
  }

  const searchUnder = async (request: SearchRequest, served: Served | null, encodeTexts: TextEncoding | null) => {
    refuseSenseless(request)
    const release = served === null ? null : releaseOf(served)
    const search = () => run(request, release, { served, encodeTexts })
    return deps.around === undefined ? search() : deps.around(request, release, search)
  }

  const isWithoutModel = ({ mode }: SearchRequest): boolean => mode === 'text' && serving.current() === null

  const search = (request: SearchRequest): Promise<SearchResult> =>
    isWithoutModel(request)
      ? searchUnder(request, null, null)
      : serving.hold((served) => searchUnder(request, served, null))

  return {
    search,
    async searchAll(requests) {
      if (serving.current() === null) return inBatches(requests, search)
      return serving.hold(async (served) => {
        const encodeTexts = await encodedTogether(requests, served)
        return inBatches(requests, (request) => searchUnder(request, served, encodeTexts))
      })
    },
  }
}

const duplicatesIn = (catalogue: Catalogue, { group = false, filter }: SearchRequest, hit: LiveHit): string[] | null =>
  group ? duplicatesOf(catalogue, hit, filter) : null

const releaseOf = ({ release: { releaseId }, modelVersion, generation }: Served): SearchRelease => ({
  releaseId,
  modelVersion,
  generation,
})

function searchHit(
  { score, relevance, rerankScore, image, pairId, caption }: RankedHit<FoundHit>,
  release: SearchRelease | null,
  duplicates: readonly string[] | null,
): SearchHit {
  const { imageId, captions, split, metadata } = image
  return {
    score,
    relevance,
    rerankScore,
    imageId,
    image: imageAddress(imageId),
    captions,
    pairId,
    caption,
    split,
    metadata,
    duplicates,
    modelVersion: release?.modelVersion ?? null,
    generation: release?.generation ?? null,
  }
}
