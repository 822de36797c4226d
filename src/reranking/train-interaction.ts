import { AppError } from '../core/errors.ts'
import { bestEpoch, hasStopped } from '../training/history.ts'
import { copyOf } from '../training/learned-arrays.ts'
import { createPace } from '../training/pace.ts'
import { randomStream, shuffle } from '../training/random.ts'
import { learningRateAt } from '../training/schedule.ts'
import { createWeightAverage } from '../training/weight-average.ts'
import type { Weights } from '../training/definitions/serving.ts'
import type { InteractionShape } from './definitions/interaction-shape.ts'
import { createInteractionSession, initialInteraction } from './interaction-session.ts'
import { createPairBatch, type PairExamples } from './pair-batch.ts'
import type { InteractionCheckpoint, InteractionEpoch } from './interaction-checkpoint.ts'
import { measureExamples, scoreExamples } from './score-examples.ts'
import type { TokenStatesFile } from './token-states-file.ts'

/**
 * What a training learns from until it begins to learn by heart, each example counted as often as it is seen; and how often a small set is
 * gone through at most.
 */
const EXAMPLES_ENOUGH = 130_000
const MOST_EPOCHS = 8

/** What is chosen before a training; the defaults were chosen on captions of photographs that are only learned from. */
export type InteractionHyperparameters = {
  readonly projectionWidth: number
  readonly hiddenWidth: number
  readonly batchSize: number
  /** Null: as many as make `EXAMPLES_ENOUGH`, and at least one. */
  readonly maximumEpochs: number | null
  /** Epochs without a better one after which it stops. */
  readonly patience: number
  /** At its peak. */
  readonly learningRate: number
  /** Of all steps: while the learning rate rises. */
  readonly warmUp: number
  readonly weightDecay: number
  /** Of the tokens of both texts: hidden at random at each step. */
  readonly tokenDropout: number
  readonly maximumGradientNorm: number
  /** Of the average of the weights, which is what is judged and exported: what is kept of it at a step. */
  readonly averageDecay: number
}

export const defaultInteraction: InteractionHyperparameters = {
  projectionWidth: 32,
  hiddenWidth: 32,
  batchSize: 64,
  maximumEpochs: null,
  patience: 2,
  learningRate: 1e-3,
  warmUp: 0.1,
  weightDecay: 10,
  tokenDropout: 0.15,
  maximumGradientNorm: 1,
  averageDecay: 0.998,
}

export type InteractionProgress = {
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly secondsLeft: number | null
}

type InteractionTraining = {
  readonly shape: InteractionShape
  readonly states: TokenStatesFile
  readonly train: PairExamples
  readonly development: PairExamples
  readonly hyperparameters: InteractionHyperparameters
  readonly seed: number
  readonly threads: number
  /** Where the training stands after each epoch; null: nowhere. */
  readonly checkpoint: InteractionCheckpoint | null
  readonly report?: (progress: InteractionProgress) => void
  readonly signal?: AbortSignal | undefined
}

export type TrainedInteraction = {
  /** Those of the best epoch. */
  readonly weights: Weights
  readonly history: readonly InteractionEpoch[]
}

const epochsFor = (examples: number): number =>
  Math.min(MOST_EPOCHS, Math.max(1, Math.round(EXAMPLES_ENOUGH / Math.max(1, examples))))

/**
 * Trains the interaction on pairs, epoch by epoch, until the development lists bring nothing better. What comes out follows from the
 * arguments, bit for bit, also where a checkpoint of an ended epoch is taken up. Throws `training-failed`, and the signal's reason.
 */
export async function trainInteraction(training: InteractionTraining): Promise<TrainedInteraction> {
  const { shape, states, train, development, hyperparameters, seed, threads, checkpoint, report, signal } = training
  const { patience, learningRate, warmUp } = hyperparameters
  const epochs = hyperparameters.maximumEpochs ?? epochsFor(train.targets.length)
  const batchSize = Math.min(hyperparameters.batchSize, train.targets.length)
  const stepsPerEpoch = Math.floor(train.targets.length / Math.max(1, batchSize))
  if (stepsPerEpoch === 0 || !development.targets.includes(1)) {
    throw new AppError('training-failed', 'There are too few judgements: none to learn from, or no relevant one to choose by.') // prettier-ignore
  }
  const steps = stepsPerEpoch * epochs
  const weights = initialInteraction(shape, seed)
  const batch = createPairBatch(shape, states, train, batchSize)
  const session = await createInteractionSession(shape, weights, batch, hyperparameters, threads)
  try {
    const { averages, update } = createWeightAverage(weights, hyperparameters.averageDecay)
    const learned = { states: session.states, averages }
    const resumed = await checkpoint?.resume(learned)
    let history = resumed?.history ?? []
    let best: Weights = resumed?.best ?? copyOf(averages)
    const pace = createPace()
    while (history.length < epochs && !hasStopped(history, patience)) {
      const epoch = history.length + 1
      const order = shuffle(Uint32Array.from(train.targets.keys()), randomStream(seed, epoch))
      let lossSum = 0
      for (let stepInEpoch = 0; stepInEpoch < stepsPerEpoch; stepInEpoch++) {
        signal?.throwIfAborted()
        const step = (epoch - 1) * stepsPerEpoch + stepInEpoch + 1
        const dropout = { rate: hyperparameters.tokenDropout, random: randomStream(seed, epoch, step) }
        batch.fill(order.subarray(stepInEpoch * batchSize, (stepInEpoch + 1) * batchSize), dropout)
        const loss = await session.learn(step, learningRateAt(step, steps, learningRate, warmUp))
        if (!Number.isFinite(loss)) {
          throw new AppError('training-failed', `The loss at step ${step} is no number; lower the learning rate.`)
        }
        lossSum += loss
        update(step)
        pace.step()
        report?.({ epoch, epochs, step, steps, loss, secondsLeft: pace.secondsLeft(steps - step) })
      }
      const scores = await scoreExamples(shape, averages, states, development, threads)
      const { ndcg_10, reciprocal_rank, average_precision } = measureExamples(development, scores)
      // Their mean moves less by chance than one of them.
      const score = (ndcg_10 + reciprocal_rank + average_precision) / 3
      const ended = { epoch, loss: lossSum / stepsPerEpoch, ndcg_10, reciprocal_rank, average_precision, score }
      history = [...history, ended]
      if (bestEpoch(history) === ended) best = copyOf(averages)
      await checkpoint?.save(learned, { history, best })
    }
    return { weights: best, history }
  } finally {
    await session.close()
  }
}
