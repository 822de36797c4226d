import { logShares, RANKED, type RelevanceModel } from '../../core/relevance.ts'
import { fitLogistic } from './logistic-regression.ts'

/** Hits of a query that are seen at once. */
export const PAGE = 10

/** A query with a known answer, and what was found for it. */
export type RankedQuery = {
  /** The image whose caption it is: its queries are not independent of each other. */
  readonly imageId: string
  /** Whether a right answer was among what was searched. */
  readonly isAnswerable: boolean
  /** Best first, up to `RANKED` of them. */
  readonly hits: readonly { readonly score: number; readonly isRight: boolean }[]
}

export const scoresOf = ({ hits }: RankedQuery): number[] => hits.map(({ score }) => score)

/** How many deviations of the scores in a ranking the softmax tells apart by a factor of e; the likeliest is taken. */
const sharpnesses = [0.25, 0.5, 1, 2, 4, 8]

/** The mean over queries of the standard deviation of the scores in a ranking. */
function meanDeviation(queries: readonly RankedQuery[]): number {
  const deviations = queries.map((query) => {
    const scores = scoresOf(query)
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
    return Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length)
  })
  return deviations.reduce((sum, deviation) => sum + deviation, 0) / deviations.length || 1
}

/** The relevance model that the hits on the first pages of the queries make likeliest. Each query has a hit; null without a right one. */
export function fitRelevance(queries: readonly RankedQuery[]): RelevanceModel | null {
  const hits = queries.flatMap((query) => query.hits.slice(0, PAGE))
  const isRight = hits.map((hit) => hit.isRight)
  if (!isRight.includes(true)) return null
  const scores = Float64Array.from(hits, ({ score }) => score)
  const spread = meanDeviation(queries)
  const fits = sharpnesses.map((multiple) => {
    const sharpness = multiple / spread
    const shares = queries.flatMap((query) => {
      const share = logShares(scoresOf(query).slice(0, RANKED), sharpness)
      return query.hits.slice(0, PAGE).map(({ score }) => share(score))
    })
    const { intercept, slopes, logLikelihood } = fitLogistic([scores, Float64Array.from(shares)], isRight)
    const [scoreSlope = 0, shareSlope = 0] = slopes
    return { logLikelihood, model: { intercept, scoreSlope, shareSlope, sharpness } }
  })
  return fits.reduce((best, fit) => (fit.logLikelihood > best.logLikelihood ? fit : best)).model
}
