import { AppError } from '../core/errors.ts'
import { meanMeasures, measureQuery, median, type Measures, type RankedGain } from './measures.ts'

export type Result = { readonly id: string; readonly score: number }

/** How relevant documents are to a query, by id; below 1 is not relevant, as in trec_eval. */
export type Judgements = ReadonlyMap<string, number>

/** One query's measures, and the rank of the first relevant result (from 1; Infinity when there is none). */
export type QueryMeasures = { readonly measures: Measures; readonly firstRank: number }

export type RunMeasures = {
  readonly queries: ReadonlyMap<string, QueryMeasures>
  readonly means: Measures
  /** Of the first relevant result, from 1; null without queries. */
  readonly medianRank: number | null
}

/** Descending by code units, as trec_eval's `strcmp` for the ids that occur: no locale decides a rank. */
export const compareIdsDescending = (a: string, b: string): number => (a === b ? 0 : a > b ? -1 : 1)

/**
 * Results in trec_eval's order: by score descending, ties by id descending, whatever order they came in. Throws
 * `invalid-request` when an id comes twice or a score is not a number.
 */
export function rankResults(results: readonly Result[]): Result[] {
  if (new Set(results.map(({ id }) => id)).size !== results.length) {
    throw new AppError('invalid-request', 'A document is twice in the results of one query; keep its best score only.')
  }
  if (results.some(({ score }) => Number.isNaN(score))) {
    throw new AppError('invalid-request', 'A score is not a number, so the results have no order.')
  }
  return [...results].sort((a, b) => b.score - a.score || compareIdsDescending(a.id, b.id))
}

const gain = (grade: number): number => (grade >= 1 ? grade : 0)

/** Measures one query's results against its judgements, by trec_eval's rules. Throws as `rankResults`. */
export function measureResults(results: readonly Result[], judgements: Judgements): QueryMeasures {
  const gainOf = (id: string): number => gain(judgements.get(id) ?? 0)
  const retrieved: RankedGain[] = rankResults(results)
    .map(({ id }, index) => ({ rank: index + 1, gain: gainOf(id) }))
    .filter((result) => result.gain > 0)
  const gains = [...judgements.values()].map(gain).filter((value) => value > 0)
  return { measures: measureQuery(retrieved, gains), firstRank: retrieved[0]?.rank ?? Infinity }
}

/**
 * Measures a run: every judged query counts, with zeros when it has no results (`trec_eval -c`); results of queries without
 * judgements are ignored. Throws as `rankResults`.
 */
export function measureRun(
  run: ReadonlyMap<string, readonly Result[]>,
  judgements: ReadonlyMap<string, Judgements>,
): RunMeasures {
  const queries = new Map(
    [...judgements].map(([queryId, judged]) => [queryId, measureResults(run.get(queryId) ?? [], judged)] as const),
  )
  const all = [...queries.values()]
  return {
    queries,
    means: meanMeasures(all.map(({ measures }) => measures)),
    medianRank: median(all.map(({ firstRank }) => firstRank)),
  }
}
