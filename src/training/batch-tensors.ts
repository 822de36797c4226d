import * as ort from 'onnxruntime-node'
import type { Random } from '../core/random.ts'
import { batchShapes, type DualEncoderShape } from '../models/definitions/training-step.ts'
import { product } from '../models/onnx/view.ts'
import { fillMatches, type EncodedExample } from './batches.ts'
import type { FeatureFile } from './feature-file.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { Words } from './word-table.ts'

/** The inputs of a training step that change with the batch, in memory that is used again for every batch. */
export type BatchTensors = {
  readonly tensors: Readonly<Record<string, ort.Tensor>>
  /** The words of each caption that were not dropped out. */
  readonly captions: readonly Words[]
  /** Means of the captions' words, [batch, width]; for the table of words to write. */
  readonly bags: Float32Array
  /** Loads a batch: a view of each image drawn at random, features and words dropped out at random. */
  fill(batch: readonly EncodedExample[], random: Random): void
}

/** Inverted dropout ("Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014): what stays grows, so the mean stays. */
function fillDropout(mask: Float32Array, share: number, random: Random): void {
  const kept = 1 / (1 - share)
  const threshold = share * 2 ** 32
  for (let i = 0; i < mask.length; i++) mask[i] = random.uint32() < threshold ? 0 : kept
}

export function createBatchTensors(
  shape: DualEncoderShape,
  features: FeatureFile,
  views: number,
  hyperparameters: Pick<Hyperparameters, 'batchSize' | 'featureDropout' | 'wordDropout'>,
): BatchTensors {
  const { batchSize, featureDropout, wordDropout } = hyperparameters
  const data: Record<string, Float32Array> = {}
  const tensors: Record<string, ort.Tensor> = {}
  for (const [name, sizes] of Object.entries(batchShapes(shape, batchSize))) {
    const values = new Float32Array(product(sizes))
    data[name] = values
    tensors[name] = new ort.Tensor('float32', values, sizes)
  }
  const array = (name: string) => data[name] ?? new Float32Array(0)
  const captions: Words[] = []

  return {
    tensors,
    captions,
    bags: array('bags'),
    fill(batch, random) {
      for (const [row, example] of batch.entries()) {
        features.read(example.row, random.below(views), array('features'), row * shape.featureWidth)
        captions[row] = example.ids.filter(() => random.float() >= wordDropout)
      }
      fillDropout(array('feature_dropout'), featureDropout, random)
      fillMatches(batch, array('matches'))
    },
  }
}
