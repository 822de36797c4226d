import { DType, numpy as np } from '@jax-js/jax'
import * as ort from 'onnxruntime-node'
import { createRandom } from '../../../src/core/random.ts'
import { gradientOf } from '../../../src/training/definitions/training-step.ts'
import { product } from '../../../src/training/lowering/view.ts'
import { lowerProgram, tracedTypes, type Program, type Signature } from '../../../src/training/lowering/trace.ts'

export type Values = Readonly<Record<string, Float32Array | Int32Array>>

/** Reproducible values between -1 and 1, or indices below `limit`. */
export function valuesFor(signature: Signature, seed = 1, limit = 4): Values {
  const random = createRandom(seed)
  const entries = Object.entries(signature).map(([name, { shape, type }]): [string, Float32Array | Int32Array] => {
    const length = product(shape)
    if (type === 'int32') return [name, Int32Array.from({ length }, () => random.below(limit))]
    return [name, Float32Array.from({ length }, () => random.float() * 2 - 1)]
  })
  return Object.fromEntries(entries)
}

/** What jax-js itself computes. */
export async function runInJax(program: Program, signature: Signature, values: Values): Promise<Values> {
  const inputs = Object.entries(signature).map(([name, { shape, type }]) => {
    const data = values[name] ?? new Float32Array(0)
    const array = np.array(data, { dtype: tracedTypes[type ?? 'float32'] })
    return [name, array.reshape([...shape])] as const
  })
  const results = Object.entries(program(Object.fromEntries(inputs)))
  const read = results.map(
    async ([name, array]) =>
      [name, Float32Array.from((await array.astype(DType.Float32).data()) as Iterable<number>)] as const,
  )
  return Object.fromEntries(await Promise.all(read))
}

/** What ONNX Runtime computes with a file. */
export async function runFile(file: Uint8Array, signature: Signature, values: Values, threads = 1): Promise<Values> {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3, intraOpNumThreads: threads })
  const feeds = Object.entries(signature).map(
    ([name, { shape, type }]) => [name, new ort.Tensor(type ?? 'float32', values[name] ?? [], shape)] as const,
  )
  const results = await session.run(Object.fromEntries(feeds))
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Float32Array.from(data as Iterable<number>)]),
  )
}

/**
 * For one value of each of `names`, chosen at random: the gradient that a training step gives, and the slope of its loss from `by` below to `by`
 * above.
 */
export async function slopesOf(
  file: Uint8Array,
  signature: Signature,
  values: Values,
  names: readonly string[],
  by: number,
) {
  const gradients = await runFile(file, signature, values)
  const random = createRandom(4)
  const slopes: { name: string; gradient: number; slope: number }[] = []
  for (const name of names) {
    const original = values[name] ?? new Float32Array(0)
    const index = random.below(original.length)
    const lossAt = async (moved: number) => {
      const others = Float32Array.from(original)
      others[index] = (others[index] ?? 0) + moved
      const { loss } = await runFile(file, signature, { ...values, [name]: others })
      return loss?.[0] ?? Number.NaN
    }
    const slope = ((await lossAt(by)) - (await lossAt(-by))) / (2 * by)
    slopes.push({ name, gradient: gradients[gradientOf(name)]?.[index] ?? Number.NaN, slope })
  }
  return slopes
}

/** The largest difference between jax-js and the lowered program, over all outputs. */
export async function difference(program: Program, signature: Signature, seed = 1): Promise<number> {
  const values = valuesFor(signature, seed)
  const expected = await runInJax(program, signature, values)
  const actual = await runFile(lowerProgram('program', program, signature), signature, values)
  return largestDifference(expected, actual)
}

export function largestDifference(expected: Values, actual: Values): number {
  const differences = Object.entries(expected).map(([name, values]) => {
    const others = actual[name] ?? new Float32Array(0)
    if (others.length !== values.length) return Number.POSITIVE_INFINITY
    return Math.max(0, ...Array.from(values, (value, i) => Math.abs(value - (others[i] ?? Number.NaN))))
  })
  return Math.max(...differences)
}
