import { nn, numpy as np } from '@jax-js/jax'
import { quickGelu } from './activations.ts'
import { linear } from './layers.ts'

type Shapes = Readonly<Record<string, readonly number[]>>

/** The arrays of one block; those of products [from, to], all others [to]. */
export type BlockWeights = {
  readonly attention_scale: np.Array
  readonly attention_in_weight: np.Array
  readonly attention_in_bias: np.Array
  readonly attention_out_weight: np.Array
  readonly attention_out_bias: np.Array
  readonly inner_scale: np.Array
  readonly inner_up_weight: np.Array
  readonly inner_up_bias: np.Array
  readonly inner_down_weight: np.Array
  readonly inner_down_bias: np.Array
}

/** How many times wider the inner layer is ("Attention Is All You Need", 2017, section 3.3). */
const INNER = 4

export const blockShapes = (width: number): Shapes => ({
  attention_scale: [width],
  attention_in_weight: [width, 3 * width],
  attention_in_bias: [3 * width],
  attention_out_weight: [width, width],
  attention_out_bias: [width],
  inner_scale: [width],
  inner_up_weight: [width, INNER * width],
  inner_up_bias: [INNER * width],
  inner_down_weight: [INNER * width, width],
  inner_down_bias: [width],
})

/** "Root Mean Square Layer Normalization", 2019; the scale counts from 1, so that it decays towards doing nothing. */
function rmsNorm(rows: np.Array, scale: np.Array): np.Array {
  const size = np.sqrt(np.square(rows.ref).mean(-1, { keepdims: true }).add(1e-6))
  return rows.div(size).mul(scale.add(1))
}

/** What is added to the logits of places that hold nothing. */
const NOWHERE = -1e4

/**
 * One pre-norm block ("On Layer Normalization in the Transformer Architecture", 2020) over rows [batch, places, width]; the mask
 * [batch, places] is 0 where there is nothing to attend to.
 */
export function transformerBlock(weights: BlockWeights, heads: number, rows: np.Array, mask: np.Array): np.Array {
  const [batch = 0, places = 0, width = 0] = rows.shape
  const depth = width / heads
  const normed = rmsNorm(rows.ref, weights.attention_scale)
  const all = linear(normed, weights.attention_in_weight, weights.attention_in_bias)
  const [queries, keys, values] = np
    .split(all.reshape([batch, places, 3, heads, depth]), 3, 2)
    .map((part) => np.transpose(part.reshape([batch, places, heads, depth]), [0, 2, 1, 3])) as [
    np.Array,
    np.Array,
    np.Array,
  ]
  const absent = mask.sub(1).mul(-NOWHERE).reshape([batch, 1, 1, places])
  const logits = np.matmul(queries, np.transpose(keys, [0, 1, 3, 2])).mul(depth ** -0.5)
  const attended = np.matmul(nn.softmax(logits.add(absent), -1), values)
  const joined = np.transpose(attended, [0, 2, 1, 3]).reshape([batch, places, width])
  const middle = rows.add(linear(joined, weights.attention_out_weight, weights.attention_out_bias))
  const inner = linear(rmsNorm(middle.ref, weights.inner_scale), weights.inner_up_weight, weights.inner_up_bias)
  return middle.add(linear(quickGelu(inner), weights.inner_down_weight, weights.inner_down_bias))
}
