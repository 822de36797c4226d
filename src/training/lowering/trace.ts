import { DType, defaultDevice, init, makeJaxpr, numpy as np, tree, type ClosedJaxpr } from '@jax-js/jax'
import { AppError } from '../../core/errors.ts'
import { lower, type Argument } from './lower.ts'

/** The element types that programs are traced with, as jax-js names them. */
export const tracedTypes = { float32: DType.Float32, int32: DType.Int32 } as const
type TracedType = keyof typeof tracedTypes
/** What a program is traced with: shapes by name. */
export type Signature = Readonly<Record<string, { readonly shape: readonly number[]; readonly type?: TracedType }>>
/** A function from named arrays to named arrays, written in jax-js; it consumes its arguments. */
export type Program = (inputs: Record<string, np.Array>) => Record<string, np.Array>

type Traced = {
  readonly program: ClosedJaxpr
  /** Names in the order in which jax-js flattens records. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Names of a record's leaves in the order that jax-js gives them. */
const flattenedNames = (names: readonly string[]): readonly string[] => {
  const leaves: unknown = tree.flatten(Object.fromEntries(names.map((name) => [name, name])) as never)[0]
  return leaves as string[]
}

/** Loads jax-js' WebAssembly backend; tracing needs one, though nothing is computed on it. */
export async function startJax(): Promise<void> {
  await init('wasm')
  defaultDevice('wasm')
}

/** Runs `program` on arrays that only have a shape, and keeps its steps. `startJax` must have resolved. */
export function trace(program: Program, signature: Signature): Traced {
  let outputs: readonly string[] = []
  const zeros = Object.fromEntries(
    Object.entries(signature).map(([name, { shape, type }]) => [
      name,
      np.zeros([...shape], { dtype: tracedTypes[type ?? 'float32'] }),
    ]),
  )
  const recorded = (inputs: Record<string, np.Array>) => {
    const results = program(inputs)
    outputs = flattenedNames(Object.keys(results))
    return results
  }
  const { jaxpr } = makeJaxpr(recorded)(zeros)
  return { program: jaxpr, inputs: flattenedNames(Object.keys(signature)), outputs }
}

/** A traced program as an ONNX file whose inputs and outputs have the program's names. */
export const lowerProgram = (name: string, program: Program, signature: Signature): Uint8Array => {
  const traced = trace(program, signature)
  return lower(traced.program, {
    name,
    arguments: traced.inputs.map((input) => ({ input })),
    outputs: traced.outputs,
  })
}

/** Two primes that no layer's width is a multiple of. */
const BATCH_SIZES = [7919, 7927] as const

/**
 * A program as an ONNX file for any batch size, some arguments baked in as constants. It is traced at two sizes; where the files
 * differ the program depends on its batch size and `unsupported-lowering` is thrown.
 */
export function lowerForAnyBatch(
  name: string,
  program: Program,
  signatureAt: (batch: number) => Signature,
  argumentsByName: Readonly<Record<string, Argument>> = {},
): Uint8Array {
  const [first, second] = BATCH_SIZES.map((size) => {
    const traced = trace(program, signatureAt(size))
    return lower(traced.program, {
      name,
      arguments: traced.inputs.map((input) => argumentsByName[input] ?? { input }),
      outputs: traced.outputs,
      batch: { size, name: 'batch' },
    })
  })
  if (first === undefined || second === undefined || Buffer.compare(first, second) !== 0) {
    throw new AppError('unsupported-lowering', `The program ${name} depends on the size of its batch.`)
  }
  return first
}
