import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import { RANKED, relevanceIn, type Calibration } from '../core/relevance.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import { normaliseQuery, queryVector, type TextEncoding } from './query-vector.ts'
import { atLeast, firstOfEach, joinLive, livePage, picturesOf, type Candidate, type LiveHit } from './live-hits.ts'
import { createRankings, type Ranking } from './rankings.ts'
import { rerankHits, unranked, type RankedHit, type Reranking, type RerankingReport } from './rerank-hits.ts'
import { hasRelevance } from './search-rules.ts'
import { likenessIn, textsIn, type SearchRequest } from './search-types.ts'
import type { Served } from './serving.ts'
import type { StageClock } from './stage-clock.ts'

export type FindingDependencies = {
  readonly index: VectorIndex
  readonly catalogue: Catalogue
  readonly reranking: Reranking
  /** What is known of relevance in a generation; null where nothing was fitted. */
  readonly calibration: (generation: string) => Calibration | null
}

/** A live hit with the probability that it is a right answer. */
export type FoundHit = LiveHit & { readonly relevance: number | null }

/** What one search goes by: a release, or none, and what it is measured with. */
export type Course = {
  readonly served: Served | null
  readonly encodeTexts: TextEncoding | null
  readonly clock: StageClock
}

type Found = { readonly hits: readonly FoundHit[]; readonly noMatch: boolean | null; readonly threshold: number | null }

/** A page of hits with what is known of them; the report is null where no reranking was asked for. */
export type Finding = Omit<Found, 'hits'> & {
  readonly hits: readonly RankedHit<FoundHit>[]
  readonly report: RerankingReport | null
}

/** Finds the page that a search asks for. */
export function createFinding({ index, catalogue, reranking, ...deps }: FindingDependencies) {
  const rankings = createRankings({ index, catalogue })

  const rankingOf = async (request: SearchRequest, { served, encodeTexts, clock }: Course): Promise<Ranking> => {
    if (request.mode === 'text' || served === null) return rankings.byWords(request, served)
    const encode = encodeTexts ?? ((texts) => served.encoder.encodeTexts(texts))
    const vector = await clock.during('encode', () =>
      queryVector(request, { served, encodeTexts: encode, index, catalogue }),
    )
    const rank = request.mode === 'vector' ? rankings.byVector : rankings.byBoth
    return rank(request, served, vector)
  }

  /** What is alive of the candidates, as the request wants to see it. */
  const joined = (request: SearchRequest, candidates: readonly Candidate[]): LiveHit[] => {
    const { target, mode, filter, group = false } = request
    const live = joinLive(catalogue, candidates, filter)
    const shown = target === 'images' && mode === 'text' ? picturesOf(live) : live
    const own = target === 'images' ? likenessIn(request) : null
    const others = own === null ? shown : shown.filter(({ image }) => image.imageId !== own)
    return group ? firstOfEach(others, ({ image }) => image.splitKey) : others
  }

  const find = async (request: SearchRequest, course: Course): Promise<Found> => {
    const { clock, served } = course
    const calibration = served !== null && hasRelevance(request) ? deps.calibration(served.generation) : null
    const { minRelevance } = request
    if (minRelevance !== undefined && calibration === null) {
      throw new AppError(
        'not-ready',
        'Relevance is not known under the model that is served: it is fitted on held-out pictures, of which there are too few, or soon. Leave out "minRelevance".',
      )
    }
    const ranking = atLeast(calibration === null ? 0 : RANKED, await rankingOf(request, course))
    const page = await livePage(
      request,
      (count) => clock.during('search', () => ranking(count)),
      (candidates) => clock.within('join', () => joined(request, candidates)),
    )
    const isNothing = page.length === 0 && request.offset === 0
    if (calibration === null) {
      const hits = page.map((hit) => ({ ...hit, relevance: null }))
      return { hits, noMatch: isNothing ? true : null, threshold: null }
    }
    const { model, threshold } = calibration
    const scores = (await ranking(RANKED)).map(({ score }) => score)
    const relevance = relevanceIn(model, scores)
    const noMatch = isNothing || relevance(scores[0] ?? -Infinity) < threshold
    const least = minRelevance === 'auto' ? threshold : (minRelevance ?? 0)
    const hits = page
      .map((hit) => ({ ...hit, relevance: relevance(hit.score) }))
      .filter((hit) => hit.relevance >= least)
    return { hits, noMatch, threshold }
  }

  /** The page of a search whose first `count` hits are put into a better order before it is cut. */
  const findReranked = async (request: SearchRequest, count: number, course: Course) => {
    const { offset, limit } = request
    const found = await find({ ...request, offset: 0, limit: Math.max(offset + limit, count) }, course)
    const words = normaliseQuery(textsIn(request)[0] ?? '')
    const { hits, report } = await course.clock.during('rerank', () => rerankHits(reranking, words, found.hits, count))
    // It took a while, in which any of them may have been erased.
    const known = new Map(hits.map((hit) => [idOf(hit), hit]))
    const live = course.clock.within('join', () =>
      joinLive(catalogue, hits.map(candidateOfHit), request.filter).flatMap((hit) => {
        const before = known.get(idOf(hit))
        return before === undefined ? [] : [{ ...before, ...hit }]
      }),
    )
    return { ...found, hits: live.slice(offset, offset + limit), report }
  }

  return async (request: SearchRequest, course: Course): Promise<Finding> => {
    if (request.rerank !== undefined && request.rerank > 0) return findReranked(request, request.rerank, course)
    const found = await find(request, course)
    return { ...found, hits: unranked(found.hits), report: null }
  }
}

const idOf = ({ image, pairId }: LiveHit): string => pairId ?? image.imageId

const candidateOfHit = ({ image, pairId, score }: LiveHit): Candidate => ({ imageId: image.imageId, pairId, score })
