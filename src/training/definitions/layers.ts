import { numpy as np } from '@jax-js/jax'

/** [batch, in] times [in, out] plus [out]. */
export const linear = (input: np.Array, weight: np.Array, bias: np.Array): np.Array =>
  np.matmul(input, weight).add(bias)

/** Rows at unit length. The small term keeps the gradient of a zero row finite. */
export function unitLength(rows: np.Array): np.Array {
  const lengths = np.sqrt(np.square(rows.ref).sum(-1, { keepdims: true }).add(1e-12))
  return rows.div(lengths)
}

/** The weighted mean of [batch, words, width] over the words; a row whose weights are all zero yields zero. */
export function weightedMean(rows: np.Array, weights: np.Array): np.Array {
  const [batch = 0, words = 0] = weights.shape
  const total = weights.ref.sum(1, { keepdims: true }).add(1e-6)
  return rows
    .mul(weights.reshape([batch, words, 1]))
    .sum(1)
    .div(total)
}
