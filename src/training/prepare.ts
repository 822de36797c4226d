import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import type { DualEncoderShape } from '../models/definitions/training-step.ts'
import { readWeights } from '../models/onnx/read-weights.ts'
import { buildTokeniser, createTokeniser, UNKNOWN_ID, type TokeniserFile } from '../models/tokeniser.ts'
import type { EncodedExample } from './batches.ts'
import { featureStatistics, type FeatureFile } from './feature-file.ts'
import { VIEWS } from './hyperparameters.ts'
import type { TrainingJob } from './job.ts'
import { initialWeights } from './parameters.ts'
import type { Example, Fold } from './training-data.ts'

/** What a training starts from: all of it a function of the job and its data. */
export type Preparation = {
  readonly shape: DualEncoderShape
  readonly tokeniser: TokeniserFile
  readonly vocabularySize: number
  readonly weights: Record<string, Float32Array>
  readonly folds: Readonly<Record<Fold, readonly EncodedExample[]>>
}

const configSchema = z.object({ logit_scale: z.number(), feature_width: z.number() })

/** The arrays of a model folder as written by `exportModel`, its words by name. */
async function readModel(folder: string) {
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, name), 'utf8')) as unknown
  const file = async (name: string) => readWeights(await readFile(join(folder, 'onnx', name)))
  const weights = new Map([...(await file('image_head.onnx')), ...(await file('text_model.onnx'))])
  const config = configSchema.parse(await json('config.json'))
  weights.set('logit_scale', Float32Array.of(config.logit_scale))
  const { vocab } = z
    .object({ model: z.object({ vocab: z.record(z.string(), z.number()) }) })
    .parse(await json('tokenizer.json')).model
  return { weights, vocab }
}

/** Copies what the parent has learned over the initial weights; words that it did not know keep their initial values. */
async function startFrom(
  folder: string,
  weights: Record<string, Float32Array>,
  vocab: Readonly<Record<string, number>>,
  width: number,
) {
  const parent = await readModel(folder)
  for (const [name, values] of Object.entries(weights)) {
    if (name === 'words') continue
    const learned = parent.weights.get(name)
    if (learned?.length !== values.length) {
      throw new AppError(
        'training-failed',
        `The model in ${folder} has another ${name}; train from scratch after changing widths or backbone.`,
      )
    }
    values.set(learned)
  }
  const table = parent.weights.get('words') ?? new Float32Array(0)
  for (const [word, id] of Object.entries(vocab)) {
    const known = parent.vocab[word]
    if (known !== undefined) weights['words']?.set(table.subarray(known * width, (known + 1) * width), id * width)
  }
}

/** Builds the vocabulary of the training fold, encodes the captions, and draws or takes over the initial weights. */
export async function prepareTraining(
  job: TrainingJob,
  examples: readonly Example[],
  features: FeatureFile,
): Promise<Preparation> {
  const { hyperparameters, featureWidth, seed } = job
  const { wordWidth, embeddingWidth, maxLength } = hyperparameters
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
      .map(({ row, caption }) => {
        const ids = encode(caption).filter((id) => id !== UNKNOWN_ID)
        const key = ids.join()
        const captionGroup = groups.get(key) ?? groups.size
        groups.set(key, captionGroup)
        return { row, ids, captionGroup }
      })
  const shape = { featureWidth, wordWidth, embeddingWidth, maxLength }
  const rows = [...new Set(training.map((example) => example.row))]
  const { mean, scale } = featureStatistics(features, rows, VIEWS, featureWidth)
  const weights = { ...initialWeights(shape, size, seed), feature_mean: mean, feature_scale: scale }
  if (job.initialFolder !== null) await startFrom(job.initialFolder, weights, tokeniser.model.vocab, wordWidth)
  return {
    shape,
    tokeniser,
    vocabularySize: size,
    weights,
    folds: { train: encoded('train'), development: encoded('development') },
  }
}
