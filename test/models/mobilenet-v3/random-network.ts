import { mobileNetV3Small, squeezedWidth } from '../../../src/models/mobilenet-v3/architecture.ts'
import { createRandom } from '../../../src/core/random.ts'
import { float32, type RawTensor } from '../../fixtures/safetensors.ts'

export type Parameters = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>

/** Weights of a MobileNetV3-Small under the names of PyTorch image models, random but such that signals neither vanish nor grow. */
export function randomParameters(seed: number): Parameters {
  const random = createRandom(seed)
  const between = (low: number, high: number): number => low + random.float() * (high - low)
  const parameters = new Map<string, { shape: readonly number[]; values: Float32Array }>()
  const add = (name: string, shape: readonly number[], low: number, high: number): void => {
    const length = shape.reduce((all, size) => all * size, 1)
    parameters.set(name, { shape, values: Float32Array.from({ length }, () => between(low, high)) })
  }
  const convolution = (name: string, width: number, inner: number, kernel = 1): void => {
    const bound = Math.sqrt(3 / (inner * kernel * kernel))
    add(`${name}.weight`, [width, inner, kernel, kernel], -bound, bound)
  }
  const norm = (name: string, width: number): void => {
    add(`${name}.weight`, [width], 0.4, 1.2)
    add(`${name}.bias`, [width], -0.5, 0.5)
    add(`${name}.running_mean`, [width], -0.3, 0.3)
    add(`${name}.running_var`, [width], 0.5, 1.5)
  }
  const biased = (name: string, width: number, inner: number): void => {
    convolution(name, width, inner)
    add(`${name}.bias`, [width], -0.5, 0.5)
  }

  const { stemWidth, stages, mapWidth, featureWidth } = mobileNetV3Small
  convolution('conv_stem', stemWidth, 3, 3)
  norm('bn1', stemWidth)
  let from: number = stemWidth
  for (const [stage, blocks] of stages.entries()) {
    for (const [index, { kernel, expansion, width, squeeze }] of blocks.entries()) {
      const name = `blocks.${stage}.${index}`
      const widens = stage > 0
      if (widens) convolution(`${name}.conv_pw`, expansion, from)
      convolution(`${name}.conv_dw`, expansion, 1, kernel)
      convolution(widens ? `${name}.conv_pwl` : `${name}.conv_pw`, width, expansion)
      norm(`${name}.bn1`, expansion)
      norm(`${name}.bn2`, widens ? expansion : width)
      if (widens) norm(`${name}.bn3`, width)
      if (squeeze) {
        biased(`${name}.se.conv_reduce`, squeezedWidth(expansion), expansion)
        biased(`${name}.se.conv_expand`, expansion, squeezedWidth(expansion))
      }
      from = width
    }
  }
  convolution('blocks.5.0.conv', mapWidth, from)
  norm('blocks.5.0.bn1', mapWidth)
  biased('conv_head', featureWidth, mapWidth)
  return parameters
}

/** The parameters as tensors of a file, among them the counters that PyTorch stores and nobody needs. */
export function rawTensors(parameters: Parameters): Record<string, RawTensor> {
  const counter = { dtype: 'I64', shape: [], bytes: new Uint8Array(8) }
  const tensors = [...parameters].map(([name, { shape, values }]) => [name, float32(shape, values)] as const)
  return { 'bn1.num_batches_tracked': counter, ...Object.fromEntries(tensors) }
}
