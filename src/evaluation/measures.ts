/** The depths at which cut-off measures are reported. */
export const cutoffs = [1, 5, 10] as const
type Cutoff = (typeof cutoffs)[number]

/** What is measured of a query, by trec_eval's names; the field's image-text "Recall@K" is `success_K`. */
export const measureNames = [
  'success_1',
  'success_5',
  'success_10',
  'recall_fraction_1',
  'recall_fraction_5',
  'recall_fraction_10',
  'precision_1',
  'precision_5',
  'precision_10',
  'reciprocal_rank',
  'average_precision',
  'ndcg_10',
] as const
export type MeasureName = (typeof measureNames)[number]
export type Measures = Readonly<Record<MeasureName, number>>

/** How the means of the measures are called among people who retrieve pictures. */
export const measureLabels: Readonly<Record<MeasureName, string>> = {
  success_1: 'Recall@1',
  success_5: 'Recall@5',
  success_10: 'Recall@10',
  recall_fraction_1: 'recall fraction@1',
  recall_fraction_5: 'recall fraction@5',
  recall_fraction_10: 'recall fraction@10',
  precision_1: 'P@1',
  precision_5: 'P@5',
  precision_10: 'P@10',
  reciprocal_rank: 'MRR',
  average_precision: 'MAP',
  ndcg_10: 'NDCG@10',
}

/** A relevant document that was retrieved: where (from 1) and how relevant it is (a positive gain). */
export type RankedGain = { readonly rank: number; readonly gain: number }

const discounted = (gain: number, rank: number): number => gain / Math.log2(rank + 1)

/** NDCG with linear gain and log2(rank + 1) discount (trec_eval's `ndcg_cut`); 0 when nothing is relevant. */
function ndcgAt(cutoff: number, retrieved: readonly RankedGain[], gains: readonly number[]): number {
  const ideal = [...gains]
    .sort((a, b) => b - a)
    .slice(0, cutoff)
    .reduce((sum, gain, index) => sum + discounted(gain, index + 1), 0)
  if (ideal === 0) return 0
  const reached = retrieved
    .filter(({ rank }) => rank <= cutoff)
    .reduce((sum, { rank, gain }) => sum + discounted(gain, rank), 0)
  return reached / ideal
}

/**
 * All measures of one query, as trec_eval defines them. `retrieved` holds the relevant documents that were retrieved, by
 * rising rank; `gains` those of all relevant documents, retrieved or not. Everything is 0 when nothing was retrieved.
 */
export function measureQuery(retrieved: readonly RankedGain[], gains: readonly number[]): Measures {
  const relevant = gains.length
  const found = (cutoff: Cutoff): number => retrieved.filter(({ rank }) => rank <= cutoff).length
  const success = (cutoff: Cutoff): number => (found(cutoff) > 0 ? 1 : 0)
  const recall = (cutoff: Cutoff): number => (relevant === 0 ? 0 : found(cutoff) / relevant)
  const precisions = retrieved.reduce((sum, { rank }, index) => sum + (index + 1) / rank, 0)
  return {
    success_1: success(1),
    success_5: success(5),
    success_10: success(10),
    recall_fraction_1: recall(1),
    recall_fraction_5: recall(5),
    recall_fraction_10: recall(10),
    precision_1: found(1),
    precision_5: found(5) / 5,
    precision_10: found(10) / 10,
    reciprocal_rank: retrieved[0] === undefined ? 0 : 1 / retrieved[0].rank,
    average_precision: relevant === 0 ? 0 : precisions / relevant,
    ndcg_10: ndcgAt(10, retrieved, gains),
  }
}

/** The mean of every measure over queries; zeros where there are none. */
export function meanMeasures(queries: readonly Measures[]): Measures {
  const mean = (name: MeasureName): number =>
    queries.length === 0 ? 0 : queries.reduce((sum, query) => sum + query[name], 0) / queries.length
  return Object.fromEntries(measureNames.map((name) => [name, mean(name)])) as Record<MeasureName, number>
}

/** The median, the mean of the middle two for an even count; null of nothing. Ranks may be infinite (never retrieved). */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) return null
  return upper === lower ? upper : (lower + upper) / 2
}
