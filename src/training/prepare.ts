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
import { bigramRows, type DualEncoderShape } from './definitions/shape.ts'
import { captionKeyOf, createExampleSetBuilder, type ExampleSet } from './example-set.ts'
import { featureStatistics, type FeatureFile } from './feature-file.ts'
import { shapeOf } from './job-shape.ts'
import type { TrainingJob } from './job.ts'
import { initialWeights } from './parameters.ts'
import { readExamples, type Fold } from './training-data.ts'
import { viewsOf } from './views.ts'
import { readParent } from './warm-start.ts'
import { wordPlaces } from './word-places.ts'
import { knownWords } from './word-readings.ts'

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

/** Reads the examples a second time, as the ids of their words; captions of one key count as the same. */
async function encodeExamples(
  jobFolder: string,
  encode: (caption: string) => readonly number[],
  keyOf: (caption: string, words: readonly number[]) => number,
) {
  const folds = { train: createExampleSetBuilder(), development: createExampleSetBuilder() }
  for await (const { row, sentence, caption, fold } of readExamples(jobFolder)) {
    const words = encode(caption)
    folds[fold].add({ row, sentence, words, captionKey: keyOf(caption, words) })
  }
  return { train: folds.train.build(), development: folds.development.build() }
}

/** What features are centred by and multiplied with, where they are. */
function standardisation(
  shape: DualEncoderShape,
  features: FeatureFile,
  examples: ExampleSet,
  views: number,
): Record<string, Float32Array> {
  if (shape.adapterWidth !== undefined) return {}
  const rows = Array.from(examples.imageStarts.subarray(0, -1), examples.row)
  const { whole, regions } = featureStatistics(features, rows, views, shape)
  const ofWhole = { feature_mean: whole.mean, feature_scale: whole.scale }
  return regions === null ? ofWhole : { ...ofWhole, region_mean: regions.mean, region_scale: regions.scale }
}

function* wordsOfAll({ length, words }: ExampleSet): Iterable<Int32Array> {
  for (let example = 0; example < length; example++) yield knownWords(words(example))
}

/** To a model with words of its own, captions are the same that differ in unknown words alone. */
const keyOfWords = (_: string, words: readonly number[]): number =>
  captionKeyOf(words.filter((id) => id !== UNKNOWN_ID))
/** A CLIP knows words that the captions have only once. */
const keyOfText = (caption: string): number => captionKeyOf(Array.from(caption, (letter) => letter.codePointAt(0) ?? 0))

/** Builds the vocabulary of the training fold, encodes the captions, and draws, works out or takes over the initial weights. */
export async function prepareTraining(job: TrainingJob, features: FeatureFile): Promise<Preparation> {
  const { seed, threads } = job
  const { maxLength, minimumWordCount, maximumVocabulary } = job.hyperparameters
  const { counts, examplesDigest } = await survey(job.jobFolder)
  const rule = { minimumCount: minimumWordCount, maxSize: maximumVocabulary, maxLength }
  const tokeniser = buildTokeniser(counts, rule)
  const { encode, size } = createTokeniser(tokeniser)
  const shape = shapeOf(job)
  const folds = await encodeExamples(job.jobFolder, encode, shape.adapterWidth === undefined ? keyOfWords : keyOfText)
  const { words } = shape
  const views = viewsOf(job.hyperparameters).length
  const heads = { ...initialWeights(shape, seed), ...standardisation(shape, features, folds.train, views) }
  const parent = job.initialFolder === null ? null : await readParent(job.initialFolder)
  parent?.copyHeads(heads)
  const weights: Record<string, Float32Array> = { ...heads }
  if (words !== null) {
    const places = await wordPlaces(shape, words.width, heads, size, folds.train, { file: features, views }, threads)
    // Pairs of words start at nothing, so that the model starts as the bag of its words.
    const table = new Float32Array(places.length + bigramRows(words) * words.width)
    table.set(places)
    parent?.copyWords(table, tokeniser.model.vocab, words, wordsOfAll(folds.train))
    weights['words'] = table
  }
  return { shape, tokeniser, vocabularySize: size, weights, folds, examplesDigest }
}
