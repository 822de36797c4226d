import { nn, numpy as np } from '@jax-js/jax'
import { linear } from './layers.ts'

type Shapes = Readonly<Record<string, readonly number[]>>

/** What of a picture is attended to: `count` regions of `width` numbers. */
export type RegionSizes = { readonly count: number; readonly width: number }

/** The arrays of `attentionPooling`. */
export type PoolingWeights = {
  readonly query_weight: np.Array
  readonly query_bias: np.Array
  readonly key_weight: np.Array
  readonly value_weight: np.Array
}

/** The numbers of a query, as in the same place as below. */
const DEPTH = 64

/** From features [batch, from] and regions of `width` numbers to [batch, to]; `to` is a multiple of `heads`. */
export const poolingShapes = (from: number, width: number, heads: number, to: number): Shapes => ({
  query_weight: [from, heads * DEPTH],
  query_bias: [heads * DEPTH],
  key_weight: [heads, DEPTH, width],
  value_weight: [heads, width, to / heads],
})

/**
 * Regions [batch, count, width] to [batch, to], by one layer of attention whose queries come from the features of the whole picture [batch, from]
 * ("Learning Transferable Visual Models From Natural Language Supervision", 2021, section 2.4), without places. Queries go through the keys,
 * and regions are averaged before the values, which comes to the same and takes a product a picture, not one a region.
 */
export function attentionPooling(weights: PoolingWeights, whole: np.Array, regions: np.Array): np.Array {
  const [batch = 0, , width = 0] = regions.shape
  const [heads = 0, , part = 0] = weights.value_weight.shape
  const perHead = (rows: np.Array): np.Array => np.transpose(rows, [1, 0, 2])
  const queries = linear(whole, weights.query_weight, weights.query_bias).reshape([batch, heads, DEPTH])
  const sought = perHead(np.matmul(perHead(queries), weights.key_weight))
  const logits = np.matmul(sought, np.transpose(regions.ref, [0, 2, 1])).mul(width ** -0.5)
  const averages = np.matmul(nn.softmax(logits, -1), regions)
  return perHead(np.matmul(perHead(averages), weights.value_weight)).reshape([batch, heads * part])
}
