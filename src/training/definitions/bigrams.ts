import { numpy as np } from '@jax-js/jax'

/** Beyond these the products below would leave 32 bits, whatever the vocabulary: `maximumVocabulary` is a million at most. */
export const MOST_BUCKETS = 50_000

const GOLDEN_SECTION = (Math.sqrt(5) - 1) / 2
const factorFor = (buckets: number): number => Math.round(buckets * GOLDEN_SECTION)

/**
 * The bucket, from 0 up to `buckets`, of a word followed by another, by their ids ("Feature Hashing for Large Scale Multitask Learning", 2009,
 * without its signs, as rows are learned). Ids are ranks by frequency, and multiples of the golden section spread evenly ("The Art of
 * Computer Programming", volume 3, section 6.4), so that frequent words seldom share a bucket.
 */
export const bucketOf = (first: number, second: number, buckets: number): number =>
  ((first % buckets) * factorFor(buckets) + second) % buckets

/** The same within a graph, in 32-bit integers. */
export const bucketsOf = (first: np.Array, second: np.Array, buckets: number): np.Array => {
  const whole = (value: number) => np.array(value, { dtype: first.dtype })
  const spread = np.remainder(first, whole(buckets)).mul(whole(factorFor(buckets)))
  return np.remainder(spread.add(second), whole(buckets))
}
