/** PyTorch's default, with which these weights were trained. */
export const BATCH_NORM_EPSILON = 1e-5

export type BatchNorm = {
  readonly scale: Float32Array
  readonly shift: Float32Array
  readonly mean: Float32Array
  readonly variance: Float32Array
}

/**
 * A convolution without bias followed by batch norm, as one convolution: in use the norm is a factor `scale / sqrt(variance + epsilon)` and a
 * shift a channel. `kernel` is [channels out, ...], all kernels of a channel in one run.
 */
export function foldBatchNorm(
  kernel: Float32Array,
  norm: BatchNorm,
  epsilon = BATCH_NORM_EPSILON,
): { readonly kernel: Float32Array; readonly bias: Float32Array } {
  const channels = norm.scale.length
  const run = kernel.length / channels
  const factors = Float64Array.from(norm.scale, (scale, c) => scale / Math.sqrt((norm.variance[c] ?? 0) + epsilon))
  return {
    kernel: kernel.map((value, index) => value * (factors[Math.floor(index / run)] ?? 0)),
    bias: norm.shift.map((shift, c) => shift - (norm.mean[c] ?? 0) * (factors[c] ?? 0)),
  }
}
