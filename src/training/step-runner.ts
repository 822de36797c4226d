import * as ort from 'onnxruntime-node'
import { examplesAtOnce, type BatchTensors, type Chunk } from './batch-tensors.ts'
import { batchShapes, parameterShapes, trainedInput, type DualEncoderShape } from './definitions/shape.ts'
import { gradientOf, stepInChunks, stepSignature, trainingStep } from './definitions/training-step.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import { lowerProgram, type Program, type Signature } from './lowering/trace.ts'
import { product } from './lowering/view.ts'
import type { WordTable } from './word-table.ts'

type Tensors = Readonly<Record<string, ort.Tensor>>

/** Computes the loss of a batch and its gradients. */
export type StepRunner = {
  /** By parameter; written by `run`, and by it alone. The table of words holds its own. */
  readonly gradients: ReadonlyMap<string, Float32Array>
  run(batch: BatchTensors): Promise<number>
  close(): Promise<void>
}

/** ONNX Runtime reads and writes these very arrays: nothing is copied from step to step. */
const tensor = (data: Float32Array, shape: readonly number[]) => new ort.Tensor('float32', data, shape)

/** Lowers a program and opens it as the step of a training is run: in one order, on so many threads. */
export const openStep = (name: string, program: Program, signature: Signature, threads: number) =>
  ort.InferenceSession.create(lowerProgram(name, program, signature), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })

/** The tensors of these names: a graph declares what it needs, and no other may be given. */
const only = (names: readonly string[], tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name)))
const feedsOf = (session: ort.InferenceSession, tensors: Tensors): Tensors => only(session.inputNames, tensors)

/** The embedded words of a chunk, and the gradient with respect to them; null where the model has no words of its own. */
function wordInput(shape: DualEncoderShape, examples: number) {
  const name = trainedInput(shape)
  if (name === null) return null
  const sizes = batchShapes(shape, examples)[name] ?? []
  const [values, gradient] = [new Float32Array(product(sizes)), new Float32Array(product(sizes))]
  const fetches = { [gradientOf(name)]: tensor(gradient, sizes) }
  return { values, gradient, tensors: { [name]: tensor(values, sizes) }, fetches }
}

/** `parameters` are the tensors of the weights and constants; `table` embeds the words, and sums their gradients. */
export async function createStepRunner(
  shape: DualEncoderShape,
  parameters: Tensors,
  table: WordTable | null,
  chosen: Pick<Hyperparameters, 'batchSize' | 'chunkSize' | 'hardNegatives'>,
  threads: number,
): Promise<StepRunner> {
  const atOnce = examplesAtOnce(chosen)
  const shapes = Object.entries(parameterShapes(shape))
  const gradients = new Map(shapes.map(([name, sizes]) => [name, new Float32Array(product(sizes))]))
  const words = wordInput(shape, atOnce)
  const feeds = { ...parameters, ...words?.tensors }
  const gradientTensors = (of: ReadonlyMap<string, Float32Array>): Tensors => ({
    ...Object.fromEntries(shapes.map(([name, sizes]) => [gradientOf(name), tensor(arrayOf(of, name), sizes)])),
    ...words?.fetches,
  })
  const embedWords = ({ captions }: Chunk): void => {
    if (words !== null) table?.embed(captions, words.values)
  }
  const sumWords = ({ captions }: Chunk): void => {
    if (words !== null) table?.accumulate(captions, words.gradient)
  }
  const loss = new Float32Array(1)
  if (atOnce === chosen.batchSize) return wholeBatches()
  return batchesInChunks(chosen.batchSize)

  async function wholeBatches(): Promise<StepRunner> {
    const session = await openStep(
      'training_step',
      trainingStep(shape, chosen.hardNegatives),
      stepSignature(shape, atOnce),
      threads,
    )
    const fetches = { loss: tensor(loss, []), ...gradientTensors(gradients) }
    return {
      gradients,
      async run({ chunks: [chunk], matches }) {
        if (chunk === undefined) return Number.NaN
        embedWords(chunk)
        await session.run(feedsOf(session, { ...feeds, ...chunk.tensors, matches }), fetches)
        table?.forget()
        sumWords(chunk)
        return loss[0] ?? Number.NaN
      },
      close: () => session.release(),
    }
  }

  async function batchesInChunks(batchSize: number): Promise<StepRunner> {
    const programs = stepInChunks(shape, batchSize, atOnce, chosen.hardNegatives)
    const open = (name: keyof typeof programs) =>
      openStep(name, programs[name].program, programs[name].signature, threads)
    const [embedding, whole, backward] = await Promise.all([open('embed'), open('loss'), open('backward')])
    const width = shape.embeddingWidth
    const rows = () => new Float32Array(batchSize * width)
    const all = { images: rows(), texts: rows() }
    const slopes = { images: rows(), texts: rows() }
    const wholeTensors = {
      images: tensor(all.images, [batchSize, width]),
      texts: tensor(all.texts, [batchSize, width]),
    }
    const part = (values: Float32Array, i: number) =>
      tensor(values.subarray(i * atOnce * width, (i + 1) * atOnce * width), [atOnce, width])
    const parts = (of: typeof all, i: number) => ({ images: part(of.images, i), texts: part(of.texts, i) })
    const scaleGradient = arrayOf(gradients, 'logit_scale')
    const lossFetches = {
      loss: tensor(loss, []),
      [gradientOf('logit_scale')]: tensor(scaleGradient, []),
      [gradientOf('images')]: tensor(slopes.images, [batchSize, width]),
      [gradientOf('texts')]: tensor(slopes.texts, [batchSize, width]),
    }
    const ofChunk = new Map(shapes.map(([name, sizes]) => [name, new Float32Array(product(sizes))]))
    const chunkFetches = only(backward.outputNames, gradientTensors(ofChunk))
    return {
      gradients,
      async run({ chunks, matches }) {
        for (const [i, chunk] of chunks.entries()) {
          embedWords(chunk)
          await embedding.run(feedsOf(embedding, { ...feeds, ...chunk.tensors }), parts(all, i))
        }
        await whole.run(feedsOf(whole, { ...feeds, ...wholeTensors, matches }), lossFetches)
        table?.forget()
        for (const [name, gradient] of gradients) if (name !== 'logit_scale') gradient.fill(0)
        for (const [i, chunk] of chunks.entries()) {
          embedWords(chunk)
          await backward.run(feedsOf(backward, { ...feeds, ...chunk.tensors, ...parts(slopes, i) }), chunkFetches)
          for (const [name, gradient] of gradients) if (name !== 'logit_scale') addTo(gradient, arrayOf(ofChunk, name))
          sumWords(chunk)
        }
        return loss[0] ?? Number.NaN
      },
      async close() {
        await Promise.all([embedding, whole, backward].map((session) => session.release()))
      },
    }
  }
}

const arrayOf = (arrays: ReadonlyMap<string, Float32Array>, name: string): Float32Array =>
  arrays.get(name) ?? new Float32Array(0)

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (values[i] as number)
}
