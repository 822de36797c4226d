import { join } from 'node:path'
import { sha256Hex } from '../core/ids.ts'
import { openSentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import type { InteractionShape } from './definitions/interaction-shape.ts'
import { interactionCheckpoint } from './interaction-checkpoint.ts'
import type { LabelledPair } from './labelled-pair.ts'
import type { TimeSplit } from './labelled-pairs.ts'
import type { PairExamples } from './pair-batch.ts'
import { exportReranker } from './reranker-folder.ts'
import { openTokenStates, writeTokenStates } from './token-states-file.ts'
import {
  trainInteraction,
  type InteractionHyperparameters,
  type InteractionProgress,
  type TrainedInteraction,
} from './train-interaction.ts'

/** A reranker to be trained. */
export type RerankerJob = {
  /** Where token states and the checkpoint lie while it trains. */
  readonly jobFolder: string
  /** Where the model folder is written. */
  readonly outputFolder: string
  readonly modelVersion: string
  /** A sentence encoder as published, which stays as it is. */
  readonly encoderFolder: string
  /** Cleaned and balanced. */
  readonly pairs: TimeSplit
  /** Ids of a text that are compared. */
  readonly maxTokens: number
  readonly hyperparameters: InteractionHyperparameters
  readonly seed: number
  readonly threads: number
}

export type RerankerProgress =
  | { readonly stage: 'reading'; readonly texts: number; readonly of: number }
  | ({ readonly stage: 'training' } & InteractionProgress)

export type TrainedReranker = TrainedInteraction & { readonly shape: InteractionShape }

/** How a checkpoint is laid out, and what it is a function of; one of another layout is not taken up. */
const LAYOUT = 1

/**
 * Trains a reranker on labelled pairs and writes it to the output folder. Token states are computed once and lie in the job folder, as
 * does a checkpoint of the last whole epoch; a job that was killed goes on from there to the same bits. Throws `training-failed` where
 * there is too little to learn from, and the signal's reason.
 */
export async function trainReranker(
  job: RerankerJob,
  report: (progress: RerankerProgress) => void = () => undefined,
  signal?: AbortSignal,
): Promise<TrainedReranker> {
  const { jobFolder, pairs, maxTokens, hyperparameters, seed, threads } = job
  const texts = [...new Set([...pairs.train, ...pairs.development].flatMap(({ query, document }) => [query, document]))]
  const path = join(jobFolder, 'token-states.f16')
  const encoder = await openSentenceEncoder(job.encoderFolder, { threads })
  try {
    const onText = (written: number) => report({ stage: 'reading', texts: written, of: texts.length })
    await writeTokenStates(path, texts, encoder, { maxTokens, onText, signal })
  } finally {
    await encoder.close()
  }
  const { projectionWidth, hiddenWidth } = hyperparameters
  const shape: InteractionShape = { stateWidth: encoder.width, maxTokens, projectionWidth, hiddenWidth }
  const depends = JSON.stringify([LAYOUT, encoder.id, shape, hyperparameters, seed, pairs.train, pairs.development])
  const states = await openTokenStates(path)
  try {
    const number = new Map(texts.map((text, index) => [text, index]))
    const { weights, history } = await trainInteraction({
      shape,
      states,
      train: examplesOf(pairs.train, number),
      development: examplesOf(pairs.development, number),
      hyperparameters,
      seed,
      threads,
      checkpoint: interactionCheckpoint(join(jobFolder, 'checkpoint.safetensors'), sha256Hex(depends)),
      report: (progress) => report({ stage: 'training', ...progress }),
      signal,
    })
    await exportReranker(job.outputFolder, { ...job, shape, weights })
    return { shape, weights, history }
  } finally {
    states.close()
  }
}

const examplesOf = (pairs: readonly LabelledPair[], number: ReadonlyMap<string, number>): PairExamples => ({
  queries: Uint32Array.from(pairs, ({ query }) => number.get(query) ?? 0),
  documents: Uint32Array.from(pairs, ({ document }) => number.get(document) ?? 0),
  targets: Float32Array.from(pairs, ({ relevance }) => relevance),
})
