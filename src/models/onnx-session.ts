import { stat } from 'node:fs/promises'
import * as ort from 'onnxruntime-node'
import { AppError } from '../core/errors.ts'
import { fromHalf, toHalf } from './half-precision.ts'

/** A dimension is a size, or the name of one that may vary (`batch`). */
export type TensorFacts = { readonly name: string; readonly type: string; readonly shape: readonly (number | string)[] }

export type TensorInput = { readonly data: Float32Array | BigInt64Array; readonly shape: readonly number[] }
export type TensorOutput = { readonly data: Float32Array; readonly shape: readonly number[] }

/** An ONNX graph ready to run. ONNX Runtime runs on the calling thread: a run blocks it, so batches should stay small. */
export type OnnxSession = {
  readonly inputs: readonly TensorFacts[]
  readonly outputs: readonly TensorFacts[]
  /**
   * The named float outputs, those of 16 bits widened; feeds are brought to the type that the graph declares. A run that fails throws `internal`: memory may be short, or the feeds do not
   * fit the graph.
   */
  run<Name extends string>(
    feeds: Readonly<Record<string, TensorInput>>,
    outputs: readonly Name[],
  ): Promise<Record<Name, TensorOutput>>
  /** Frees the native memory once the runs under way have ended. */
  close(): Promise<void>
}

export type SessionOptions = {
  /** Threads within an operator. Default 1: work is spread over batches and processes instead. */
  readonly threads?: number
}

const facts = (metadata: readonly ort.InferenceSession.ValueMetadata[]): TensorFacts[] =>
  metadata.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape }
      : { name: value.name, type: 'none', shape: [] },
  )

/** How ONNX Runtime is set up for every session. */
export const runtimeOptions = (threads: number) =>
  ({
    logSeverityLevel: 3,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Threads that wait for work in a loop keep a core from whoever decodes pictures, writes and searches between two runs.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }) as const

async function load(source: string | Uint8Array, threads: number): Promise<ort.InferenceSession> {
  const where = typeof source === 'string' ? source : 'the ONNX model'
  if (typeof source === 'string' && !(await stat(source).catch(() => null))?.isFile()) {
    throw new AppError('model-invalid', `${source} is missing; check the folder, or export the model again.`)
  }
  const options = runtimeOptions(threads)
  try {
    return await (typeof source === 'string'
      ? ort.InferenceSession.create(source, options)
      : ort.InferenceSession.create(source, options))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('model-corrupt', `${where} cannot be loaded (${reason}); fetch or export it again.`, { cause })
  }
}

/** Opens an ONNX file or its bytes. Throws `model-invalid` when the file is missing, `model-corrupt` when it cannot be loaded. */
export async function openOnnxSession(source: string | Uint8Array, options: SessionOptions = {}): Promise<OnnxSession> {
  const session = await load(source, options.threads ?? 1)
  const inputs = facts(session.inputMetadata)
  const types = new Map(inputs.map(({ name, type }) => [name, type]))
  const underway = new Set<Promise<unknown>>()
  let closed = false

  async function run<Name extends string>(
    feeds: Readonly<Record<string, TensorInput>>,
    outputs: readonly Name[],
  ): Promise<Record<Name, TensorOutput>> {
    const tensors = Object.entries(feeds).map(([name, feed]) => [name, tensorOf(feed, types.get(name))] as const)
    const results = await session.run(Object.fromEntries(tensors), [...outputs]).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new AppError('internal', `The model cannot be run on its input: ${reason}`, { cause })
    })
    const read = outputs.map((name) => [name, floatsOf(name, results[name])] as const)
    return Object.fromEntries(read) as Record<Name, TensorOutput>
  }

  return {
    inputs,
    outputs: facts(session.outputMetadata),
    run(feeds, outputs) {
      if (closed) return Promise.reject(new AppError('model-not-found', 'The model is closed; open it again.'))
      const running = run(feeds, outputs)
      const settled: Promise<unknown> = running.catch(() => undefined).finally(() => underway.delete(settled))
      underway.add(settled)
      return running
    },
    async close() {
      if (closed) return
      closed = true
      await Promise.all(underway)
      await session.release()
    },
  }
}

function tensorOf({ data, shape }: TensorInput, type: string | undefined): ort.Tensor {
  if (data instanceof Float32Array) {
    return type === 'float16' ? halfTensor(toHalf(data), shape) : new ort.Tensor('float32', data, shape)
  }
  return type === 'int32'
    ? new ort.Tensor('int32', Int32Array.from(data, Number), shape)
    : new ort.Tensor('int64', data, shape)
}

/** Where JavaScript has a Float16Array (Node.js 24), a tensor is given one, which ONNX Runtime's native part cannot read. */
const halfTensor = (halves: Uint16Array, shape: readonly number[]): ort.Tensor =>
  Object.defineProperty(new ort.Tensor('float16', halves, shape), 'cpuData', { value: halves })

function floatsOf(name: string, tensor: ort.Tensor | undefined): TensorOutput {
  if (tensor?.type === 'float16') {
    const { buffer, byteOffset, length } = tensor.data as Uint16Array
    return { data: fromHalf(new Uint16Array(buffer, byteOffset, length)), shape: tensor.dims }
  }
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) {
    throw new AppError('model-invalid', `The model's output ${name} is neither float32 nor float16; export it so.`)
  }
  return { data: tensor.data, shape: tensor.dims }
}
