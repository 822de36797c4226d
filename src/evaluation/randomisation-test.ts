import { createRandom, type Random } from '../core/random.ts'
import type { ResamplingOptions } from './bootstrap.ts'
import { differencesOf, type PairedScores } from './paired-scores.ts'

/** The sum of the differences after the two models were swapped on each image by the toss of a coin. */
function swapped(sums: Float64Array, random: Random): number {
  let result = 0
  let coins = 0
  for (let image = 0; image < sums.length; image++) {
    if (image % 32 === 0) coins = random.uint32()
    const difference = sums[image] ?? 0
    result += (coins & 1) === 1 ? difference : -difference
    coins >>>= 1
  }
  return result
}

/**
 * Fisher's randomisation test, two-sided: were the two models the same, swapping them on any image would change nothing. Whole
 * images are swapped. Returns the p-value, counting the observed arrangement as one of them, so that it is never 0 (Smucker,
 * Allan and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation", 2007).
 */
export function randomisationTest(scores: PairedScores, options: ResamplingOptions = {}): number {
  const { resamples = 10_000, seed = 1 } = options
  const { sums } = differencesOf(scores)
  const random = createRandom(seed)
  const observed = Math.abs(sums.reduce((sum, value) => sum + value, 0))
  // Sums of the same numbers in another order differ in their last bits; such ties are as extreme as the observed.
  const slack = 1e-12 * sums.reduce((sum, value) => sum + Math.abs(value), 0)
  let extreme = 1
  for (let round = 0; round < resamples; round++) {
    if (Math.abs(swapped(sums, random)) >= observed - slack) extreme++
  }
  return extreme / (resamples + 1)
}
