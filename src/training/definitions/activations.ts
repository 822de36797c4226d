import { lax, numpy as np } from '@jax-js/jax'

/**
 * `value`, a function of `x`, whose derivative is said to be `slope`: automatic differentiation goes through neither. So a derivative can
 * be written in terms of the value, where the one derived from the steps to it would take longer or overflow. `x - x` costs nothing in
 * ONNX: see `patterns.ts`.
 */
export function withSlope(x: np.Array, value: np.Array, slope: np.Array): np.Array {
  const nothing = x.ref.sub(lax.stopGradient(x))
  return lax.stopGradient(value).add(nothing.mul(lax.stopGradient(slope)))
}

const plainSigmoid = (x: np.Array): np.Array => np.reciprocal(np.exp(np.negative(x)).add(1))

/** The logistic function; jax-js' own has no derivative at -100. */
export function sigmoid(x: np.Array): np.Array {
  const value = plainSigmoid(x.ref)
  return withSlope(x, value.ref, value.ref.mul(np.array(1).sub(value)))
}

export function tanh(x: np.Array): np.Array {
  const value = plainSigmoid(x.ref.mul(2)).mul(2).sub(1)
  return withSlope(x, value.ref, np.array(1).sub(np.square(value)))
}

/** The approximation by a sigmoid ("Gaussian Error Linear Units", 2016, section 2), as CLIP uses it. */
export const quickGelu = (x: np.Array): np.Array => x.ref.mul(sigmoid(x.mul(1.702)))
