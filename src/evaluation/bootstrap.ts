import { AppError } from '../core/errors.ts'
import { createRandom, type Random } from '../core/random.ts'
import { differencesOf, meanDifference, type Differences, type PairedScores } from './paired-scores.ts'

export type ResamplingOptions = {
  /** Default 10,000. */
  readonly resamples?: number
  /** The same seed and scores give the same numbers, so that a redelivered event is decided alike. Default 1. */
  readonly seed?: number
}

/** What the resampled differences say; bounds are one-sided, at a share `alpha` of the resamples. */
export type Bootstrap = {
  /** Mean difference of a query, challenger minus champion. */
  readonly estimate: number
  readonly standardError: number
  lowerBound(alpha: number): number
  upperBound(alpha: number): number
}

/** The quantile of sorted values by linear interpolation (Hyndman and Fan's type 7, NumPy's default). */
export function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1)
  const below = sorted[Math.floor(position)] ?? NaN
  const above = sorted[Math.ceil(position)] ?? NaN
  return below + (above - below) * (position - Math.floor(position))
}

/** The mean difference of one sample of images, drawn with replacement; an image brings all its queries. */
function resample({ sums, queries }: Differences, random: Random): number {
  let difference = 0
  let count = 0
  for (let draw = 0; draw < sums.length; draw++) {
    const image = random.below(sums.length)
    difference += sums[image] ?? 0
    count += queries[image] ?? 0
  }
  return difference / count
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

/**
 * The paired percentile bootstrap over images (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13):
 * both models keep the queries of an image that is drawn. Throws `internal` without images.
 */
export function bootstrapDifference(scores: PairedScores, options: ResamplingOptions = {}): Bootstrap {
  const { resamples = 10_000, seed = 1 } = options
  if (scores.images.length === 0) throw new AppError('internal', 'There are no images to resample.')
  const differences = differencesOf(scores)
  const random = createRandom(seed)
  const sorted = Float64Array.from({ length: resamples }, () => resample(differences, random)).sort()
  return {
    estimate: meanDifference(differences),
    standardError: standardDeviation(sorted),
    lowerBound: (alpha) => quantile(sorted, alpha),
    upperBound: (alpha) => quantile(sorted, 1 - alpha),
  }
}
