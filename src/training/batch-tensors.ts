import * as ort from 'onnxruntime-node'
import type { Random } from '../core/random.ts'
import { PADDING_ID, UNKNOWN_ID } from '../models/tokeniser.ts'
import { fillMatches } from './batches.ts'
import { batchShapes, trainedInput, type DualEncoderShape } from './definitions/shape.ts'
import type { ExampleSet } from './example-set.ts'
import type { FeatureFile } from './feature-file.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import { product } from './lowering/view.ts'
import type { Words } from './word-table.ts'

/** The part of a batch that goes through the towers at once. */
export type Chunk = {
  /** What the towers read, but for embedded words. */
  readonly tensors: Readonly<Record<string, ort.Tensor>>
  /** The words of each caption; those that are unknown or were dropped out are padding. */
  readonly captions: readonly Words[]
}

/** The inputs of a training step that change with the batch, in memory that is used again for every batch. */
export type BatchTensors = {
  readonly chunks: readonly Chunk[]
  /** Which image and which caption of the whole batch belong together, [batch, batch]. */
  readonly matches: ort.Tensor
  /** Loads the examples of a batch: a view of each image drawn at random, features and words dropped out at random. */
  fill(batch: Uint32Array, random: Random): void
}

/** Where features are read from; sentences where the model builds on their embeddings. */
export type FeatureSources = { readonly features: FeatureFile; readonly sentences: FeatureFile | null }

type Chosen = Pick<
  Hyperparameters,
  'batchSize' | 'chunkSize' | 'featureDropout' | 'wordDropout' | 'sentenceDropout' | 'labelSmoothing'
>

/** How many examples go through the towers at once: all of the batch, unless it is to be cut. */
export const examplesAtOnce = ({ batchSize, chunkSize }: Pick<Chosen, 'batchSize' | 'chunkSize'>): number =>
  chunkSize > 0 && chunkSize < batchSize && batchSize % chunkSize === 0 ? chunkSize : batchSize

/** Inverted dropout ("Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014): what stays grows, so the mean stays. */
function fillDropout(mask: Float32Array, share: number, random: Random): void {
  const kept = 1 / (1 - share)
  const threshold = share * 2 ** 32
  for (let i = 0; i < mask.length; i++) mask[i] = random.uint32() < threshold ? 0 : kept
}

/** Writes 1 where a word is read, time first: [words, batch, 1]. */
function fillWordMask(captions: readonly Words[], mask: Float32Array): void {
  mask.fill(0)
  for (const [caption, words] of captions.entries()) {
    for (const [place, id] of words.entries()) if (id !== PADDING_ID) mask[place * captions.length + caption] = 1
  }
}

export function createBatchTensors(
  shape: DualEncoderShape,
  examples: ExampleSet,
  { features, sentences }: FeatureSources,
  views: number,
  chosen: Chosen,
): BatchTensors {
  const { batchSize, featureDropout, wordDropout, sentenceDropout } = chosen
  const atOnce = examplesAtOnce(chosen)
  const matches = new Float32Array(batchSize * batchSize)

  function createChunk() {
    const data: Record<string, Float32Array> = {}
    const tensors: Record<string, ort.Tensor> = {}
    for (const [name, sizes] of Object.entries(batchShapes(shape, atOnce))) {
      if (name === 'matches' || name === trainedInput(shape)) continue
      const values = new Float32Array(product(sizes))
      data[name] = values
      tensors[name] = new ort.Tensor('float32', values, sizes)
    }
    const array = (name: string) => data[name] ?? new Float32Array(0)
    const captions: Words[] = []
    return {
      tensors,
      captions,
      fill(part: Uint32Array, random: Random): void {
        for (const [row, example] of part.entries()) {
          features.read(examples.row(example), random.below(views), array('features'), row * shape.featureWidth)
          const isRead = (id: number) => random.float() >= wordDropout && id !== UNKNOWN_ID
          captions[row] = Array.from(examples.words(example), (id) => (isRead(id) ? id : PADDING_ID))
          sentences?.read(examples.sentence(example), 0, array('sentences'), row * (shape.sentenceWidth ?? 0))
        }
        fillDropout(array('feature_dropout'), featureDropout, random)
        if (shape.sentenceWidth !== null) fillDropout(array('sentence_dropout'), sentenceDropout, random)
        if ('word_mask' in data) fillWordMask(captions, array('word_mask'))
      },
    }
  }

  const chunks = Array.from({ length: batchSize / atOnce }, createChunk)
  return {
    chunks,
    matches: new ort.Tensor('float32', matches, [batchSize, batchSize]),
    fill(batch, random) {
      for (const [i, chunk] of chunks.entries()) chunk.fill(batch.subarray(i * atOnce, (i + 1) * atOnce), random)
      fillMatches(examples, batch, matches, chosen.labelSmoothing)
    },
  }
}
