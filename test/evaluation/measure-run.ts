import { meanMeasures, measureQuery, median, type Measures, type RankedGain } from '../../src/evaluation/measures.ts'
import { compareIdsDescending } from '../../src/evaluation/tie-order.ts'
import type { Result } from '../../src/evaluation/top-results.ts'
import type { Judgements } from '../../src/evaluation/trec-run.ts'

/** One query's measures, and the rank of the first relevant result (from 1; Infinity when there is none). */
export type QueryMeasures = { readonly measures: Measures; readonly firstRank: number }

export type RunMeasures = {
  readonly queries: ReadonlyMap<string, QueryMeasures>
  readonly means: Measures
  /** Of the first relevant result, from 1; null without queries. */
  readonly medianRank: number | null
}

/** Results in trec_eval's order: by score descending, ties by id descending, whatever order they came in. */
export const rankResults = (results: readonly Result[]): Result[] =>
  [...results].sort((a, b) => b.score - a.score || compareIdsDescending(a.id, b.id))

const gain = (grade: number): number => (grade >= 1 ? grade : 0)

/** Measures one query's results against its judgements, by trec_eval's rules. */
export function measureResults(results: readonly Result[], judgements: Judgements): QueryMeasures {
  const gainOf = (id: string): number => gain(judgements.get(id) ?? 0)
  const retrieved: RankedGain[] = rankResults(results)
    .map(({ id }, index) => ({ rank: index + 1, gain: gainOf(id) }))
    .filter((result) => result.gain > 0)
  const gains = [...judgements.values()].map(gain).filter((value) => value > 0)
  return { measures: measureQuery(retrieved, gains), firstRank: retrieved[0]?.rank ?? Infinity }
}

/**
 * Measures a run with the measures of the product, the slow way: every judged query counts, with zeros when it has no results
 * (`trec_eval -c`); results of queries without judgements are ignored.
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
