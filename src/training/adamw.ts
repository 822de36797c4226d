/** A trained array with the running mean of its gradient and of the gradient's square. */
export type AdamState = {
  readonly values: Float32Array
  readonly mean: Float32Array
  readonly square: Float32Array
}

export type AdamStep = {
  /** Counts from 1; the running means are corrected for having started at zero. */
  readonly step: number
  readonly learningRate: number
  readonly weightDecay: number
  /** What the gradient is multiplied by first: the clipping factor. */
  readonly gradientScale: number
}

/** The constants of "Adam: A Method for Stochastic Optimization" (2015), algorithm 1. */
const MEAN_DECAY = 0.9
const SQUARE_DECAY = 0.999
const EPSILON = 1e-8

export const adamState = (values: Float32Array): AdamState => ({
  values,
  mean: new Float32Array(values.length),
  square: new Float32Array(values.length),
})

/**
 * One step of AdamW ("Decoupled Weight Decay Regularization", 2019, algorithm 2, decay times learning rate) in place, on `length`
 * values from `offset`, with the gradient from `gradientOffset`. Fused into one pass because each pass over memory costs as
 * much as the arithmetic.
 */
export function adamW(
  state: AdamState,
  gradient: Float32Array,
  { step, learningRate, weightDecay, gradientScale }: AdamStep,
  offset = 0,
  length = state.values.length,
  gradientOffset = 0,
): void {
  const { values, mean, square } = state
  const rate = learningRate / (1 - MEAN_DECAY ** step)
  const correction = 1 / (1 - SQUARE_DECAY ** step)
  const keep = 1 - learningRate * weightDecay
  for (let i = 0; i < length; i++) {
    const at = offset + i
    const slope = (gradient[gradientOffset + i] as number) * gradientScale
    const m = MEAN_DECAY * (mean[at] as number) + (1 - MEAN_DECAY) * slope
    const s = SQUARE_DECAY * (square[at] as number) + (1 - SQUARE_DECAY) * slope * slope
    mean[at] = m
    square[at] = s
    values[at] = (values[at] as number) * keep - (rate * m) / (Math.sqrt(s * correction) + EPSILON)
  }
}

/** The sum of the squares, for the global norm. */
export function squaredLength(values: Float32Array, length = values.length): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += (values[i] as number) ** 2
  return sum
}

/** What to multiply the gradient by so that its length is at most `maximum` ("On the difficulty of training recurrent neural networks", 2013). */
export const clippingFactor = (squaredNorm: number, maximum: number): number =>
  Math.min(1, maximum / (Math.sqrt(squaredNorm) + 1e-6))
