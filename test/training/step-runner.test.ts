import { beforeAll, describe, expect, it } from 'vitest'
import { createBatchTensors } from '../../src/training/batch-tensors.ts'
import type { DualEncoderShape } from '../../src/training/definitions/shape.ts'
import type { FeatureFile } from '../../src/training/feature-file.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { initialWeights } from '../../src/training/parameters.ts'
import { randomStream } from '../../src/training/random.ts'
import { createTrainingSession } from '../../src/training/training-session.ts'
import { exampleSet } from './examples.ts'

beforeAll(startJax)

const BATCH = 12
const base = {
  featureWidth: 7,
  imageHead: { kind: 'mlp' as const, hidden: 6 },
  embeddingWidth: 5,
  maxLength: 4,
  sentenceWidth: null,
}
const shapes: Readonly<Record<string, DualEncoderShape>> = {
  'bag of words': { ...base, words: { kind: 'bag', width: 6 } },
  gru: { ...base, words: { kind: 'gru', width: 6, hidden: 5 } },
  bigrams: { ...base, words: { kind: 'bag', width: 6, bigramBuckets: 5 } },
  'attention to regions': {
    ...base,
    featureWidth: 7 + 3 * 2,
    imageHead: { kind: 'attention', regions: { count: 3, width: 2 }, heads: 5 },
    words: { kind: 'bag', width: 6 },
  },
  'words and sentences': { ...base, words: { kind: 'bag', width: 6 }, sentenceWidth: 3 },
}

/** Rows of numbers that follow from their place. */
const rowsOf = (width: number): FeatureFile => ({
  rows: BATCH,
  read(row, view, target, offset) {
    for (let i = 0; i < width; i++) target[offset + i] = Math.sin(row * 31 + i * 7 + view)
  },
  close: () => undefined,
})
// Two captions of one image, the same caption of two images.
const examples = exampleSet(
  Array.from({ length: BATCH }, (_, i) => ({
    row: i === 1 ? 0 : i,
    words: [2 + (i % 4), 3 + (i % 3), 1].slice(0, 1 + (i % 3)),
    captionKey: i === 5 ? 4 : i,
  })),
)

/** What a few steps make of the weights, and their losses. */
async function train(shape: DualEncoderShape, chunkSize: number) {
  const chosen = { ...defaultHyperparameters(100), batchSize: BATCH, chunkSize, featureDropout: 0, sentenceDropout: 0 }
  const weights: Record<string, Float32Array> = {
    ...initialWeights(shape, 3),
    words: Float32Array.from({ length: 13 * (shape.words?.width ?? 0) }, (_, i) => Math.cos(i)),
    feature_mean: new Float32Array(7),
    feature_scale: new Float32Array(7).fill(1),
    region_mean: new Float32Array(2),
    region_scale: new Float32Array(2).fill(1),
  }
  const sources = { features: rowsOf(shape.featureWidth), sentences: rowsOf(shape.sentenceWidth ?? 0) }
  const batch = createBatchTensors(shape, examples, sources, 1, { ...chosen, wordDropout: 0 })
  const session = await createTrainingSession(shape, weights, chosen, 1)
  const losses: number[] = []
  for (let step = 1; step <= 3; step++) {
    batch.fill(
      Uint32Array.from({ length: BATCH }, (_, i) => (i * 5) % BATCH),
      randomStream(1, step),
    )
    losses.push(await session.learn(batch, step, 0.01))
  }
  await session.close()
  return { losses, weights, chunks: batch.chunks.length }
}

describe.each(Object.entries(shapes))('a batch in chunks: %s', (_, shape) => {
  it('teaches what the whole batch teaches', async () => {
    const whole = await train(shape, 0)
    expect(whole.chunks).toBe(1)
    for (const chunkSize of [6, 4, 1]) {
      const chunked = await train(shape, chunkSize)
      expect(chunked.chunks).toBe(BATCH / chunkSize)
      for (const [step, loss] of whole.losses.entries()) expect(chunked.losses[step]).toBeCloseTo(loss, 4)
      for (const [name, values] of Object.entries(whole.weights)) {
        const others = chunked.weights[name] ?? new Float32Array(0)
        const furthest = Math.max(...values.map((value, i) => Math.abs(value - (others[i] ?? Number.NaN))))
        expect(furthest, name).toBeLessThan(2e-4)
      }
    }
  })
})

it('is not cut where the chunks would not come out even', async () => {
  const shape = shapes['bag of words'] as DualEncoderShape
  expect((await train(shape, 5)).chunks).toBe(1)
  expect((await train(shape, 100)).chunks).toBe(1)
})
