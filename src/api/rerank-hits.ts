import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { Reranker } from '../ports/reranker.ts'
import type { LiveHit } from './live-hits.ts'

/** The reranker of the moment. `rank` throws `model-not-found` where there is none, and what is wrong with it. */
export type Reranking = {
  rank(query: string, documents: readonly string[]): Promise<Scored>
}
type Scored = { readonly scores: readonly number[]; readonly modelVersion: string; readonly scale: Reranker['scale'] }

/** A hit with the score that its place was decided by; null where the place is that of the search. */
export type RankedHit<Hit extends LiveHit = LiveHit> = Hit & { readonly rerankScore: number | null }

/** What became of the wish to have hits put into a better order. */
export type RerankingReport = {
  /** How many were: as many as were asked for, of those that there are and that have words. */
  readonly hits: number
  readonly modelVersion: string | null
  readonly scale: Reranker['scale'] | null
  /** Why not, where the hits come in their own order. */
  readonly failure: { readonly code: string; readonly detail: string } | null
}

/** Captions of a picture that are compared with the query, so that one with thousands does not hold up the search. */
const MOST_CAPTIONS = 8

/** How long a search waits for the better order, in milliseconds. */
const PATIENCE = 10_000

const tooLate = (): AppError =>
  new AppError('not-ready', `The reranker took more than ${PATIENCE / 1_000} s; ask for fewer hits.`)

/** What can be read of a hit: the caption that was found, or those of the picture. */
const wordsOf = ({ caption, image }: LiveHit): readonly string[] =>
  caption === null ? image.captions.slice(0, MOST_CAPTIONS).map((known) => known.caption) : [caption]

export const unranked = <Hit extends LiveHit>(hits: readonly Hit[]): RankedHit<Hit>[] =>
  hits.map((hit) => ({ ...hit, rerankScore: null }))

/**
 * The first `count` hits by the score of their best caption; a hit without words keeps its place, as do those beyond. Where the reranker
 * is missing, sick or slow the hits come in their own order, and the report says why; nothing is thrown.
 */
export async function rerankHits<Hit extends LiveHit>(
  reranking: Reranking,
  query: string,
  hits: readonly Hit[],
  count: number,
  patience = PATIENCE,
): Promise<{ readonly hits: readonly RankedHit<Hit>[]; readonly report: RerankingReport }> {
  const places = [...hits.keys()].slice(0, count).filter((place) => wordsOf(hits[place] as Hit).length > 0)
  if (places.length === 0)
    return { hits: unranked(hits), report: { hits: 0, modelVersion: null, scale: null, failure: null } }
  const documents = places.map((place) => wordsOf(hits[place] as Hit))
  try {
    const ranking = reranking.rank(query, documents.flat())
    const { scores, modelVersion, scale } = await withDeadline(ranking, patience, tooLate)
    let from = 0
    const ranked = places.map((place, index): RankedHit<Hit> => {
      const end = from + (documents[index]?.length ?? 0)
      const rerankScore = Math.max(...scores.slice(from, end))
      from = end
      return { ...(hits[place] as Hit), rerankScore }
    })
    // Sorting is stable: of equal ones the search decides.
    ranked.sort((a, b) => (b.rerankScore ?? 0) - (a.rerankScore ?? 0))
    const result = unranked(hits)
    for (const [index, place] of places.entries()) result[place] = ranked[index] as RankedHit<Hit>
    return { hits: result, report: { hits: places.length, modelVersion, scale, failure: null } }
  } catch (error) {
    const { code, message } = toAppError(error)
    const failure = { code, detail: code === 'internal' ? 'See the server log.' : message }
    return { hits: unranked(hits), report: { hits: 0, modelVersion: null, scale: null, failure } }
  }
}
