import { differencesOf, meanDifference, type PairedScores } from './paired-scores.ts'
import { studentTwoSided } from './student-t.ts'

type TTest = { readonly t: number; readonly freedom: number; readonly pValue: number }

/**
 * The paired t-test over images, two-sided. Images with several queries weigh by them: the variance is that of a ratio of sums
 * over clusters (Cochran, "Sampling Techniques", 1977, 6.19), which is the textbook test where every image has one query.
 * The p-value is 1 with fewer than two images, and 0 for a difference that is the same everywhere.
 */
export function pairedTTest(scores: PairedScores): TTest {
  const differences = differencesOf(scores)
  const { sums, queries } = differences
  const count = sums.length
  const freedom = count - 1
  const estimate = meanDifference(differences)
  const squares = sums.reduce((sum, value, image) => sum + (value - (queries[image] ?? 0) * estimate) ** 2, 0)
  const weight = queries.reduce((sum, value) => sum + value, 0)
  if (freedom < 1 || estimate === 0) return { t: 0, freedom, pValue: 1 }
  const standardError = Math.sqrt((squares * count) / freedom) / weight
  const t = estimate / standardError
  return { t, freedom, pValue: studentTwoSided(t, freedom) }
}
