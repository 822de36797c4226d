import type { DualEncoderShape } from './definitions/shape.ts'
import { buildTokeniser, createTokeniser, UNKNOWN_ID, type TokeniserFile } from '../models/tokeniser.ts'
import type { EncodedExample } from './batches.ts'
import { featureStatistics, type FeatureFile } from './feature-file.ts'
import { VIEWS, type Hyperparameters } from './hyperparameters.ts'
import type { TrainingJob } from './job.ts'
import { initialWeights } from './parameters.ts'
import { readParent } from './warm-start.ts'
import type { Example, Fold } from './training-data.ts'
import { wordPlaces } from './word-places.ts'

/** What a training starts from: all of it a function of the job and its data. */
type Preparation = {
  readonly shape: DualEncoderShape
  readonly tokeniser: TokeniserFile
  readonly vocabularySize: number
  readonly weights: Record<string, Float32Array>
  readonly folds: Readonly<Record<Fold, readonly EncodedExample[]>>
}

function wordTower({ wordTower: kind, wordWidth: width, hiddenWidth, layers, heads }: Hyperparameters) {
  switch (kind) {
    case 'none':
      return null
    case 'bag':
      return { kind, width }
    case 'gru':
    case 'lstm':
      return { kind, width, hidden: hiddenWidth }
    case 'transformer':
      return { kind, width, layers, heads }
  }
}

/** Builds the vocabulary of the training fold, encodes the captions, and draws, works out or takes over the initial weights. */
export async function prepareTraining(
  job: TrainingJob,
  examples: readonly Example[],
  features: FeatureFile,
): Promise<Preparation> {
  const { hyperparameters, featureWidth, seed } = job
  const { embeddingWidth, maxLength } = hyperparameters
  const training = examples.filter((example) => example.fold === 'train')
  const tokeniser = buildTokeniser(
    training.map((example) => example.caption),
    { minimumCount: hyperparameters.minimumWordCount, maxSize: hyperparameters.maximumVocabulary, maxLength },
  )
  const { encode, size } = createTokeniser(tokeniser)
  const groups = new Map<string, number>()
  const encoded = (fold: Fold): EncodedExample[] =>
    examples
      .filter((example) => example.fold === fold)
      .map(({ row, sentence, caption }) => {
        const ids = encode(caption)
        const key = ids.filter((id) => id !== UNKNOWN_ID).join()
        const captionGroup = groups.get(key) ?? groups.size
        groups.set(key, captionGroup)
        return { row, sentence, ids, captionGroup }
      })
  const words = wordTower(hyperparameters)
  const shape = { featureWidth, embeddingWidth, maxLength, words, sentenceWidth: job.sentenceWidth }
  const rows = [...new Set(training.map((example) => example.row))]
  const { mean, scale } = featureStatistics(features, rows, VIEWS, featureWidth)
  const heads = { ...initialWeights(shape, seed), feature_mean: mean, feature_scale: scale }
  const learnt = encoded('train')
  const parent = job.initialFolder === null ? null : await readParent(job.initialFolder)
  parent?.copyHeads(heads)
  const table = words === null ? null : await wordPlaces(shape, words.width, heads, size, learnt, features, job.threads)
  if (table !== null && words !== null) parent?.copyWords(table, tokeniser.model.vocab, words.width)
  return {
    shape,
    tokeniser,
    vocabularySize: size,
    weights: { ...heads, ...(table === null ? {} : { words: table }) },
    folds: { train: learnt, development: encoded('development') },
  }
}
