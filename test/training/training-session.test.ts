import * as ort from 'onnxruntime-node'
import { expect, it, onTestFinished } from 'vitest'
import { MAXIMUM_LOGIT_SCALE } from '../../src/training/definitions/dual-encoder.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import { initialWeights } from '../../src/training/parameters.ts'
import { createTrainingSession } from '../../src/training/training-session.ts'

const BATCH = 4
const shape = {
  featureWidth: 4,
  imageHead: { kind: 'linear' as const },
  embeddingWidth: 4,
  maxLength: 2,
  words: null,
  sentenceWidth: 4,
}
const identity = () => Float32Array.from({ length: BATCH * BATCH }, (_, i) => (i % (BATCH + 1) === 0 ? 1 : 0))
const square = (values: Float32Array) => new ort.Tensor('float32', values, [BATCH, BATCH])
const ones = () => square(new Float32Array(BATCH * BATCH).fill(1))
/** Rows that hardly differ, so that the largest factor would not be too large. */
const alike = () => square(identity().map((value) => 1 + 0.05 * value))
/** Four pictures, and each one's text. */
const batch = {
  chunks: [
    {
      tensors: { features: alike(), feature_dropout: ones(), sentences: alike(), sentence_dropout: ones() },
      captions: [],
    },
  ],
  matches: square(identity()),
  fill: () => undefined,
}

it('raises the temperature’s factor to its bound and no further, from where it could not come back', async () => {
  const weights = {
    ...initialWeights(shape, 1),
    image_projection_weight: identity(),
    sentence_projection_weight: identity(),
    feature_mean: new Float32Array(4),
    feature_scale: new Float32Array(4).fill(1),
    logit_scale: Float32Array.of(MAXIMUM_LOGIT_SCALE - 0.01),
  }
  const hyperparameters = { ...defaultHyperparameters(10), batchSize: BATCH }
  const session = await createTrainingSession(shape, weights, hyperparameters, 1)
  onTestFinished(() => session.close())
  await session.learn(batch, 1, 0.1)
  expect(session.states['logit_scale']?.values[0]).toBe(Math.fround(MAXIMUM_LOGIT_SCALE))
})
