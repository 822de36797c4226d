import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRandom } from '../../src/core/random.ts'
import { createBatchTensors } from '../../src/training/batch-tensors.ts'
import { fillMatches } from '../../src/training/batches.ts'
import {
  frozenShapes,
  parameterShapes,
  type DualEncoderShape,
  type Shapes,
} from '../../src/training/definitions/shape.ts'
import { createExampleSetBuilder, type ExampleSet } from '../../src/training/example-set.ts'
import type { FeatureFile } from '../../src/training/feature-file.ts'
import { defaultHyperparameters, type Hyperparameters } from '../../src/training/hyperparameters.ts'
import { initialWeights } from '../../src/training/parameters.ts'
import { wordTowerOf } from '../../src/training/job-shape.ts'
import { randomStream } from '../../src/training/random.ts'
import { createTrainingSession } from '../../src/training/training-session.ts'

export const towers = ['bag', 'gru', 'lstm', 'transformer'] as const
export type Tower = (typeof towers)[number]

/** Steps whose losses are compared before time is taken. */
export const COMPARED = 3
/** Batches that both sides go through in turn. */
const BATCHES = 4
const VOCABULARY = 4_000
const FEATURES = 1_280

const hyperparametersOf = (wordTower: Tower, batchSize: number): Hyperparameters => ({
  ...defaultHyperparameters(30_000),
  wordTower,
  batchSize,
  wordWidth: 256,
  hiddenWidth: 512,
  layers: 2,
  heads: 4,
  embeddingWidth: 512,
  learningRate: 1e-3,
  featureDropout: 0.3,
  wordDropout: 0,
})

/** Captions of 6 to 18 words, frequent ones more often, each of a picture of its own. */
function drawExamples(count: number): ExampleSet {
  const random = createRandom(1)
  const builder = createExampleSetBuilder()
  for (let row = 0; row < count; row++) {
    const words = Array.from(
      { length: 6 + random.below(13) },
      () => 2 + Math.floor(random.float() ** 3 * (VOCABULARY - 2)),
    )
    builder.add({ row, sentence: row, words, captionKey: row })
  }
  return builder.build()
}

const drawn = (length: number, seed: number, scale: number): Float32Array => {
  const random = createRandom(seed)
  return Float32Array.from({ length }, () => (random.float() * 2 - 1) * scale)
}

/** A training of the tower on drawn data, from weights that are drawn. */
export async function openTraining(tower: Tower, batchSize: number, threads: number) {
  const hyperparameters = hyperparametersOf(tower, batchSize)
  const { embeddingWidth, maxLength, wordWidth } = hyperparameters
  const words = wordTowerOf(hyperparameters)
  const shape: DualEncoderShape = {
    featureWidth: FEATURES,
    embeddingWidth,
    imageHead: { kind: 'linear' as const },
    maxLength,
    words,
    sentenceWidth: null,
  }
  const weights = {
    ...initialWeights(shape, 1),
    words: drawn(VOCABULARY * wordWidth, 2, 0.05),
    feature_mean: new Float32Array(FEATURES),
    feature_scale: new Float32Array(FEATURES).fill(1),
  }
  const examples = drawExamples(BATCHES * batchSize)
  const all = drawn(examples.length * FEATURES, 3, 1)
  const features: FeatureFile = {
    rows: examples.length,
    read: (row, _, target, offset) => target.set(all.subarray(row * FEATURES, (row + 1) * FEATURES), offset),
    close: () => undefined,
  }
  // Both sides learn from the same bytes: what the peer is given is written before a step changes it.
  const arrays = peerArrays(shape, weights, examples, all, batchSize)
  const sources = { features, sentences: null }
  const plain = createBatchTensors(shape, examples, sources, 1, { ...hyperparameters, featureDropout: 0 })
  const dropping = createBatchTensors(shape, examples, sources, 1, hyperparameters)
  const session = await createTrainingSession(shape, weights, hyperparameters, threads)
  let done = 0
  return {
    arrays,
    model: {
      ...hyperparameters,
      kind: tower,
      width: wordWidth,
      hidden: hyperparameters.hiddenWidth,
      compared: COMPARED,
    },
    /** One step on the next batch; resolves to its loss. The first, which are compared, drop nothing out. */
    async step(): Promise<number> {
      const first = (done % BATCHES) * batchSize
      const batch = done < COMPARED ? plain : dropping
      batch.fill(
        Uint32Array.from({ length: batchSize }, (_, i) => first + i),
        randomStream(1, done),
      )
      done++
      return session.learn(batch, done, hyperparameters.learningRate)
    },
    close: () => session.close(),
  }
}

type PeerArray = { readonly data: Float32Array | BigInt64Array; readonly shape: readonly number[] }

function peerArrays(
  shape: DualEncoderShape,
  weights: Readonly<Record<string, Float32Array>>,
  examples: ExampleSet,
  features: Float32Array,
  batch: number,
): Readonly<Record<string, PeerArray>> {
  const { maxLength } = shape
  const ids = new BigInt64Array(examples.length * maxLength)
  const matches = new Float32Array(BATCHES * batch * batch)
  for (let example = 0; example < examples.length; example++) {
    for (const [place, id] of examples.words(example).entries()) ids[example * maxLength + place] = BigInt(id)
  }
  for (let at = 0; at < BATCHES; at++) {
    const numbers = Uint32Array.from({ length: batch }, (_, i) => at * batch + i)
    fillMatches(examples, numbers, matches.subarray(at * batch * batch, (at + 1) * batch * batch))
  }
  const shapes: Shapes = {
    ...parameterShapes(shape),
    ...frozenShapes(shape),
    words: [VOCABULARY, shape.words?.width ?? 0],
  }
  return {
    ...Object.fromEntries(
      Object.entries(shapes).map(([name, sizes]) => [
        name,
        { data: (weights[name] ?? new Float32Array(0)).slice(), shape: sizes },
      ]),
    ),
    features: { data: features, shape: [BATCHES, batch, FEATURES] },
    ids: { data: ids, shape: [BATCHES, batch, maxLength] },
    matches: { data: matches, shape: [BATCHES, batch, batch] },
  }
}

/** Writes the arrays where the peer reads them, and gives what it has to know of the model. */
export async function writeArrays({ arrays, model }: Awaited<ReturnType<typeof openTraining>>, folder: string) {
  for (const [name, { data }] of Object.entries(arrays)) {
    await writeFile(join(folder, name), new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  const shapes = Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]))
  return { model: { ...model, shapes }, data: folder }
}
