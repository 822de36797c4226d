import { AppError } from '../../core/errors.ts'
import type { StoredTensor } from '../safetensors.ts'
import { foldBatchNorm } from './batch-norm.ts'

type Convolution = { readonly kernel: Float32Array; readonly bias: Float32Array }

/** The trained numbers of a network by the names that PyTorch image models give them. */
export type NamedWeights = {
  /** A convolution and its batch norm as one. `shape` is [out, in / groups, height, width]. */
  normed(convolution: string, norm: string, shape: readonly number[]): Convolution
  /** A convolution with a bias of its own. */
  biased(convolution: string, shape: readonly number[]): Convolution
}

/** Looks weights up. Its methods throw `model-invalid` naming what is missing or has another shape, `model-corrupt` where it is no number. */
export function namedWeights(tensors: ReadonlyMap<string, StoredTensor>): NamedWeights {
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name)
    if (tensor === undefined) {
      throw new AppError('model-invalid', `The weights lack ${name}; they are not those of the architecture.`)
    }
    if (tensor.shape.join() !== shape.join()) {
      const shapes = `${tensor.shape.join(' x ')}, not ${shape.join(' x ')}`
      throw new AppError('model-invalid', `The weights have ${name} as ${shapes}; they are of another architecture.`)
    }
    return tensor.floats()
  }
  const sound = (name: string, convolution: Convolution): Convolution => {
    if (convolution.kernel.every(Number.isFinite) && convolution.bias.every(Number.isFinite)) return convolution
    throw new AppError('model-corrupt', `The weights of ${name} are not numbers; fetch the model again.`)
  }
  return {
    normed(convolution, norm, shape) {
      const channels = [shape[0] ?? 0]
      const folded = foldBatchNorm(take(`${convolution}.weight`, shape), {
        scale: take(`${norm}.weight`, channels),
        shift: take(`${norm}.bias`, channels),
        mean: take(`${norm}.running_mean`, channels),
        variance: take(`${norm}.running_var`, channels),
      })
      return sound(convolution, folded)
    },
    biased(convolution, shape) {
      const kernel = take(`${convolution}.weight`, shape)
      return sound(convolution, { kernel, bias: take(`${convolution}.bias`, [shape[0] ?? 0]) })
    },
  }
}
