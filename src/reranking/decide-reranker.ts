import { measureLabels } from '../evaluation/measures.ts'
import { comparedMeasures, type RerankingChanges, type RerankingEvaluation } from './evaluate-reranking.ts'

type RerankerDecision = {
  readonly outcome: 'promoted' | 'rejected'
  /** One sentence. */
  readonly reason: string
}

/** The chance, by each of the two tests, of so large a difference where there is none; shared out over the looks that were taken. */
const SIGNIFICANT = 0.05

const shortfalls = (changes: RerankingChanges, than: string, looks: number): string[] =>
  comparedMeasures.flatMap((name) => {
    const { difference, pairedTTest, randomisationTest } = changes[name]
    if (difference > 0 && Math.max(pairedTTest, randomisationTest) < SIGNIFICANT / looks) return []
    const change = `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(4)}`
    return [`${measureLabels[name]} against ${than} ${change}, p ${pairedTTest.toFixed(3)}`]
  })

/**
 * Promoted where NDCG@10, MRR and MAP are all above those of the order without a reranker, and those of the champion, each by the paired
 * t-test and the randomisation test. `looks` counts the challengers of this champion, with this one: who tries often enough is better by chance once.
 */
export function decideReranker(
  { queries, overUnranked, overChampion }: RerankingEvaluation,
  looks = 1,
): RerankerDecision {
  const missed = [
    ...shortfalls(overUnranked, 'no reranking', looks),
    ...(overChampion === null ? [] : shortfalls(overChampion, 'the champion', looks)),
  ]
  if (missed.length > 0) {
    return {
      outcome: 'rejected',
      reason: `Rejected on ${queries} queries: not clearly better in ${missed.join('; ')}.`,
    }
  }
  const gains = comparedMeasures.map((name) => `${measureLabels[name]} +${overUnranked[name].difference.toFixed(4)}`)
  return { outcome: 'promoted', reason: `Promoted on ${queries} queries: ${gains.join(', ')} against no reranking.` }
}
