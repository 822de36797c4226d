import { join } from 'node:path'
import type { Judgement } from '../core/events.ts'
import type { InteractionShape } from './definitions/interaction-shape.ts'
import { digestOf } from './digest.ts'
import type { CandidateList } from './evaluate-reranking.ts'
import { candidateLists, distinctTexts } from './first-stage.ts'
import { interactionCheckpoint, type InteractionEpoch } from './interaction-checkpoint.ts'
import { splitByTime, textKey } from './judgements.ts'
import type { PairExamples } from './pair-batch.ts'
import { exportReranker } from './reranker-folder.ts'
import type { TextStates } from './text-states.ts'
import { trainInteraction, type InteractionHyperparameters, type InteractionProgress } from './train-interaction.ts'
import { trainingExamples, type TrainingExample } from './training-examples.ts'

/** A reranker to be trained. */
export type RerankerTraining = {
  /** Where the checkpoint lies while it trains. */
  readonly jobFolder: string
  /** Where the model folder is written. */
  readonly outputFolder: string
  readonly modelVersion: string
  /** The sentence encoder that gave the states. */
  readonly encoderFolder: string
  /** Clean ones, to learn from and, the latest of them, to choose an epoch by. */
  readonly judgements: readonly Judgement[]
  /** Documents that a query competes with where the reranker is used, about. */
  readonly competing: number
  readonly hyperparameters: InteractionHyperparameters
  readonly seed: number
  readonly threads: number
}

export type TrainedReranker = {
  readonly history: readonly InteractionEpoch[]
  readonly examples: number
}

/** How a checkpoint is laid out, and what it is a function of; one of another layout is not taken up. */
const LAYOUT = 2

/** Lists that an epoch is chosen by, at most: they are scored after each epoch. */
const MOST_DEVELOPMENT_LISTS = 600

/**
 * Trains a reranker and writes it to the output folder. A checkpoint of the last whole epoch lies in the job folder; a job that was killed
 * goes on from there to the same bits. Throws `training-failed` where there is too little to learn from, and the signal's reason.
 */
export async function trainReranker(
  training: RerankerTraining,
  texts: TextStates,
  report: (progress: InteractionProgress) => void = () => undefined,
  signal?: AbortSignal,
): Promise<TrainedReranker> {
  const { jobFolder, outputFolder, judgements, competing, hyperparameters, seed, threads } = training
  const { projectionWidth, hiddenWidth } = hyperparameters
  const { maxTokens } = texts.file
  const shape: InteractionShape = { stateWidth: texts.width, maxTokens, projectionWidth, hiddenWidth }
  const { earlier, later } = splitByTime(judgements)
  const train = trainingExamples(earlier, { vectorOf: texts.vectorOf, documentsAtOnce: competing, seed })
  const development = candidateLists(later, texts.vectorOf, MOST_DEVELOPMENT_LISTS).flatMap(labelled)
  const depends = [LAYOUT, texts.id, shape, hyperparameters, seed, ...train, ...development]
  const { weights, history } = await trainInteraction({
    shape,
    states: texts.file,
    train: examplesOf(train, texts),
    development: examplesOf(development, texts),
    hyperparameters,
    seed,
    threads,
    checkpoint: interactionCheckpoint(join(jobFolder, 'checkpoint.safetensors'), digestOf(depends)),
    report,
    signal,
  })
  await exportReranker(outputFolder, { ...training, encoderId: texts.id, shape, weights })
  return { history, examples: train.length }
}

/** Documents that a query is compared with at most, when its negatives are drawn. */
const MOST_COMPETING = 10_000

/** How many documents the queries of these judgements compete for. */
export const documentsOf = (judgements: readonly Judgement[]): number =>
  Math.min(MOST_COMPETING, distinctTexts(judgements.map(({ document }) => document)).length)

const labelled = ({ query, candidates, relevant }: CandidateList): TrainingExample[] =>
  candidates.map((document) => ({ query, document, isRelevant: relevant.has(textKey(document)) }))

const examplesOf = (examples: readonly TrainingExample[], { numberOf }: TextStates): PairExamples => ({
  queries: Uint32Array.from(examples, ({ query }) => numberOf(query)),
  documents: Uint32Array.from(examples, ({ document }) => numberOf(document)),
  targets: Float32Array.from(examples, (example) => (example.isRelevant ? 1 : 0)),
})
