import { AppError } from '../../core/errors.ts'
import { createMicroBatcher } from '../micro-batcher.ts'
import type { TensorFacts } from '../onnx-session.ts'
import { openPretrainedSession, type PretrainedSession, type PretrainedSessionOptions } from './pretrained-session.ts'
import type { Encoding } from './special-tokens.ts'
import { tokenBatch } from './token-batch.ts'

/** A transformer over ids of texts, published as ONNX. */
export type TextGraph = {
  readonly output: TensorFacts
  readonly digest: string
  /**
   * What the output holds for each encoding, in order: a row [width], or the states of its ids [length, width] where the output has
   * them. Throws `model-corrupt` where these are no numbers.
   */
  run(encodings: readonly Encoding[]): Promise<Float32Array[]>
  close(): Promise<void>
}

export type TextGraphOptions = PretrainedSessionOptions & {
  readonly paddingId: number
  /** The output that is wanted, of those that the graph has. */
  readonly choose: (outputs: readonly TensorFacts[]) => TensorFacts | undefined
}

const TEXTS_A_RUN = 32
/** How long the first text waits for others, in milliseconds. */
const WAIT = 2
const KNOWN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'] as const

/** Opens a transformer. Throws `model-invalid` where its inputs are others than ids, mask and segments, or it lacks the output. */
export async function openTextGraph(source: string | Uint8Array, options: TextGraphOptions): Promise<TextGraph> {
  const session = await openPretrainedSession(source, options)
  const path = typeof source === 'string' ? source : 'The network of texts'
  try {
    const output = options.choose(session.outputs)
    if (output === undefined) {
      const names = session.outputs.map(({ name }) => name).join(', ')
      throw new AppError('model-invalid', `${path} has none of the outputs that are wanted (it has ${names}).`)
    }
    const foreign = session.inputs.find(({ name }) => !KNOWN_INPUTS.some((known) => known === name))
    if (foreign !== undefined || !session.inputs.some(({ name }) => name === 'input_ids')) {
      const reason = foreign === undefined ? 'has no input_ids' : `wants ${foreign.name}`
      throw new AppError('model-invalid', `${path} ${reason}; export the encoder of texts alone.`)
    }
    return createTextGraph(path, session, output, options.paddingId)
  } catch (error) {
    await session.close()
    throw error
  }
}

function createTextGraph(path: string, session: PretrainedSession, output: TensorFacts, paddingId: number): TextGraph {
  const inputs = KNOWN_INPUTS.filter((known) => session.inputs.some(({ name }) => name === known))
  const [rows, columns] = session.inputs.find(({ name }) => name === 'input_ids')?.shape ?? []
  const fixedLength = typeof columns === 'number' ? columns : undefined

  const lane = createMicroBatcher<Encoding, Float32Array>({
    maxSize: session.batches && typeof rows !== 'number' ? TEXTS_A_RUN : 1,
    maxAge: WAIT,
    async run(encodings) {
      const batch = tokenBatch(encodings, paddingId, fixedLength)
      const feeds = Object.fromEntries(inputs.map((name) => [name, batch[name]]))
      const { data, shape } = (await session.run(feeds, [output.name]))[output.name] ?? { data: [], shape: [] }
      const size = data.length / encodings.length
      const width = shape.length === 3 ? (shape[2] ?? 0) : size
      if (!Number.isInteger(size) || size === 0 || !data.every(Number.isFinite)) {
        throw new AppError('model-corrupt', `${path} gives something else than numbers for a text; fetch it again.`)
      }
      return encodings.map(({ ids }, row) => {
        const used = shape.length === 3 ? Math.min(size, ids.length * width) : size
        return Float32Array.from(data.slice(row * size, row * size + used))
      })
    },
  })

  return {
    output,
    digest: session.digest,
    async run(encodings) {
      // Texts of like length share a run, so that little of it is padding.
      const order = [...encodings.keys()].sort((a, b) => lengthOf(encodings[a]) - lengthOf(encodings[b]))
      const sorted = await lane.submit(order.flatMap((index) => encodings[index] ?? []))
      const results: Float32Array[] = []
      order.forEach((index, place) => (results[index] = sorted[place] ?? new Float32Array()))
      return results
    },
    async close() {
      await lane.close()
      await session.close()
    },
  }
}

const lengthOf = (encoding: Encoding | undefined): number => encoding?.ids.length ?? 0
