import { createHash } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import {
  buildTokeniser,
  countWords,
  createTokeniser,
  UNKNOWN_ID,
  type TokeniserFile,
  type WordCounts,
} from '../models/tokeniser.ts'
import type { DualEncoderShape, WordTower } from './definitions/shape.ts'
import { captionKeyOf, createExampleSetBuilder, type ExampleSet } from './example-set.ts'
import { featureStatistics, type FeatureFile } from './feature-file.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { TrainingJob } from './job.ts'
import { initialWeights } from './parameters.ts'
import { readExamples, type Fold } from './training-data.ts'
import { viewsOf } from './views.ts'
import { readParent } from './warm-start.ts'
import { wordPlaces } from './word-places.ts'

/** What a training starts from: all of it a function of the job and its data. */
type Preparation = {
  readonly shape: DualEncoderShape
  readonly tokeniser: TokeniserFile
  readonly vocabularySize: number
  readonly weights: Record<string, Float32Array>
  readonly folds: Readonly<Record<Fold, ExampleSet>>
  /** SHA-256 of the examples. */
  readonly examplesDigest: string
}

/** The tower that hyperparameters describe. */
export function wordTowerOf(hyperparameters: Hyperparameters): WordTower | null {
  const { wordTower: kind, wordWidth: width, hiddenWidth: hidden, layers, heads } = hyperparameters
  switch (kind) {
    case 'none':
      return null
    case 'bag':
      return { kind, width }
    case 'gru':
    case 'lstm':
      return { kind, width, hidden }
    case 'transformer':
      return { kind, width, layers, heads }
  }
}

/** Reads the examples a first time: the words of those to learn from, and what all of them amount to. */
async function survey(jobFolder: string): Promise<{ readonly counts: WordCounts; readonly examplesDigest: string }> {
  const counts: WordCounts = new Map()
  const hash = createHash('sha256')
  let learnt = 0
  for await (const example of readExamples(jobFolder)) {
    hash.update(`${JSON.stringify(example)}\n`)
    if (example.fold !== 'train') continue
    learnt++
    countWords([example.caption], counts)
  }
  if (learnt === 0) {
    throw new AppError('training-failed', 'There is no example to learn from; publish pictures with captions first.')
  }
  return { counts, examplesDigest: hash.digest('hex') }
}

/** Reads the examples a second time, as the ids of their words. */
async function encodeExamples(jobFolder: string, encode: (caption: string) => readonly number[]) {
  const folds = { train: createExampleSetBuilder(), development: createExampleSetBuilder() }
  for await (const { row, sentence, caption, fold } of readExamples(jobFolder)) {
    const words = encode(caption)
    const captionKey = captionKeyOf(words.filter((id) => id !== UNKNOWN_ID))
    folds[fold].add({ row, sentence, words, captionKey })
  }
  return { train: folds.train.build(), development: folds.development.build() }
}

/** Builds the vocabulary of the training fold, encodes the captions, and draws, works out or takes over the initial weights. */
export async function prepareTraining(job: TrainingJob, features: FeatureFile): Promise<Preparation> {
  const { hyperparameters, featureWidth, sentenceWidth, seed, threads } = job
  const { embeddingWidth, imageHidden, maxLength, minimumWordCount, maximumVocabulary } = hyperparameters
  const { counts, examplesDigest } = await survey(job.jobFolder)
  const rule = { minimumCount: minimumWordCount, maxSize: maximumVocabulary, maxLength }
  const tokeniser = buildTokeniser(counts, rule)
  const { encode, size } = createTokeniser(tokeniser)
  const folds = await encodeExamples(job.jobFolder, encode)
  const words = wordTowerOf(hyperparameters)
  const shape = {
    featureWidth,
    imageHidden: imageHidden === 0 ? null : imageHidden,
    embeddingWidth,
    maxLength,
    words,
    sentenceWidth,
  }
  const views = viewsOf(hyperparameters).length
  const rows = Array.from(folds.train.imageStarts.subarray(0, -1), folds.train.row)
  const { mean, scale } = featureStatistics(features, rows, views, featureWidth)
  const heads = { ...initialWeights(shape, seed), feature_mean: mean, feature_scale: scale }
  const parent = job.initialFolder === null ? null : await readParent(job.initialFolder)
  parent?.copyHeads(heads)
  const weights: Record<string, Float32Array> = { ...heads }
  if (words !== null) {
    const table = await wordPlaces(shape, words.width, heads, size, folds.train, { file: features, views }, threads)
    parent?.copyWords(table, tokeniser.model.vocab, words.width)
    weights['words'] = table
  }
  return { shape, tokeniser, vocabularySize: size, weights, folds, examplesDigest }
}
