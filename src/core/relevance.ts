/** How many scores of a ranking, from the best on, weigh in its shares: those beyond hardly do. */
export const RANKED = 50

/**
 * The probability that a hit is a right answer, by logistic regression (Platt, "Probabilistic outputs for support vector machines", 1999) on two
 * things: its score, and the logarithm of its share in the ranking, a softmax over the scores of the best hits. The share falls as more
 * pictures come near, so that the probability does, too, while the gallery grows. Both slopes are 0 or more: no hit is more probable than one before it.
 */
export type RelevanceModel = {
  readonly intercept: number
  readonly scoreSlope: number
  readonly shareSlope: number
  /** What scores are multiplied by in the softmax. */
  readonly sharpness: number
}

/** How good the probabilities of a model are, on queries that it was not fitted on; half of them had no right answer. */
export type RelevanceReport = {
  readonly queries: number
  readonly images: number
  /** Of the hits of all first pages, and of the first hits alone: the expected calibration error over 15 bins of equally many. */
  readonly calibrationError: number
  readonly calibrationErrorOfBest: number
  /** The probability that a right hit has a higher relevance than a wrong one. */
  readonly auroc: number
  readonly aurocOfBest: number
  /** Of the queries with a right answer in the gallery, those that are said to match nothing; and of those without. */
  readonly wronglyEmpty: number
  readonly rightlyEmpty: number
  /** The bins of first pages, by rising relevance: what was said on average, how often it was so, and how many hits. */
  readonly bins: readonly { readonly said: number; readonly seen: number; readonly hits: number }[]
}

/** What is known of the relevance of hits under one release, from its held-out captions. */
export type Calibration = {
  readonly modelVersion: string
  readonly generation: string
  /** Live images when it was fitted: where there are many more, it is fitted again. */
  readonly images: number
  readonly fittedAt: number
  readonly model: RelevanceModel
  /** A search whose best hit is less relevant matches nothing well. */
  readonly threshold: number
  readonly report: RelevanceReport
}

/** The logarithm of the softmax's sum over the best scores of a ranking, best first. */
function logTotal(ranking: readonly number[], sharpness: number): number {
  const most = ranking[0] ?? 0
  let sum = 0
  for (const score of ranking.slice(0, RANKED)) sum += Math.exp(sharpness * (score - most))
  return sharpness * most + Math.log(sum)
}

/** The logarithm of the share of each score in its ranking, best first; a function, since the ranking is walked once. */
export function logShares(ranking: readonly number[], sharpness: number): (score: number) => number {
  const total = logTotal(ranking, sharpness)
  return (score) => sharpness * score - total
}

/** The relevance, from 0 to 1, of hits by their scores in a ranking, which is given best first, at least its first `RANKED`. */
export function relevanceIn(model: RelevanceModel, ranking: readonly number[]): (score: number) => number {
  const share = logShares(ranking, model.sharpness)
  return (score) => 1 / (1 + Math.exp(-(model.intercept + model.scoreSlope * score + model.shareSlope * share(score))))
}
