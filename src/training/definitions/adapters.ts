import { nn, type numpy as np } from '@jax-js/jax'
import { linear, unitLength } from './layers.ts'

type Shapes = Readonly<Record<string, readonly number[]>>
type Arrays = Readonly<Record<string, np.Array>>

/** The halves of a CLIP, each with an adapter of its own. */
type Side = 'image' | 'text'

/** Both arrays of the second layer: where they are zero, an adapter adds nothing. */
const SECOND_LAYER = /_adapter_up_(weight|bias)$/

export const isOfSecondLayer = (name: string): boolean => SECOND_LAYER.test(name)

/** The arrays of an adapter with so many hidden units; none where it has none. */
export const adapterShapes = (side: Side, width: number, hidden: number): Shapes =>
  hidden === 0
    ? {}
    : {
        [`${side}_adapter_down_weight`]: [width, hidden],
        [`${side}_adapter_down_bias`]: [hidden],
        [`${side}_adapter_up_weight`]: [hidden, width],
        [`${side}_adapter_up_bias`]: [width],
      }

/**
 * Embeddings [batch, width], brought to unit length, plus what a bottleneck of two layers makes of them, at unit length again ("CLIP-Adapter:
 * Better Vision-Language Models with Feature Adapters", 2021; the residual without a ratio, as the second layer starts at zero).
 * `dropout`, of the embeddings' shape, multiplies what goes into the bottleneck, never what goes past it.
 */
export function adapted(side: Side, arrays: Arrays, embeddings: np.Array, dropout?: np.Array): np.Array {
  const of = (name: string) => arrays[`${side}_adapter_${name}`]
  const [down, downBias, up, upBias] = [of('down_weight'), of('down_bias'), of('up_weight'), of('up_bias')]
  const unit = unitLength(embeddings)
  if (down === undefined || downBias === undefined || up === undefined || upBias === undefined) return unit
  const input = dropout === undefined ? unit.ref : unit.ref.mul(dropout)
  return unitLength(unit.add(linear(nn.relu(linear(input, down, downBias)), up, upBias)))
}
