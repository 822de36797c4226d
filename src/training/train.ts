import type { Weights } from '../models/definitions/serving.ts'
import { imageHeadFile, textModelFile } from '../models/definitions/serving.ts'
import { createBatchTensors } from './batch-tensors.ts'
import { planEpoch } from './batches.ts'
import { createCheckpoints, fingerprintOf, type TrainingPosition } from './checkpoint.ts'
import { developmentRecall, loadDevelopmentFold } from './development-recall.ts'
import { exportModel } from './export-model.ts'
import { openFeatureFile, type FeatureFile } from './feature-file.ts'
import { VIEWS } from './hyperparameters.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import { createPace } from './pace.ts'
import { prepareTraining } from './prepare.ts'
import { randomStream } from './random.ts'
import { learningRateAt } from './schedule.ts'
import { readExamples } from './training-data.ts'
import { createTrainingSession } from './training-session.ts'

/**
 * Trains a dual encoder and writes it to the job's output folder. The outcome is a function of the job and its data, bit for bit; a
 * checkpoint in the job folder is taken up where it ends. Throws `training-failed` when the data cannot be learned from, and the
 * signal's reason when it is aborted.
 */
export async function trainModel(
  job: TrainingJob,
  report: (progress: TrainingProgress) => void,
  signal?: AbortSignal,
): Promise<TrainingResult> {
  const features = openFeatureFile(job.jobFolder, VIEWS, job.featureWidth)
  try {
    return await trainOn(features, job, report, signal)
  } finally {
    features.close()
  }
}

async function trainOn(
  features: FeatureFile,
  job: TrainingJob,
  report: (progress: TrainingProgress) => void,
  signal?: AbortSignal,
): Promise<TrainingResult> {
  const examples = await readExamples(job.jobFolder)
  const { shape, tokeniser, vocabularySize, weights, folds } = await prepareTraining(job, examples, features)
  // A batch larger than the data would leave nothing to learn from.
  const batchSize = Math.min(job.hyperparameters.batchSize, folds.train.length)
  const hyperparameters = { ...job.hyperparameters, batchSize }
  const { maximumEpochs, patience, learningRate, warmUp } = hyperparameters
  const session = await createTrainingSession(shape, weights, hyperparameters, job.threads)
  const batchTensors = createBatchTensors(shape, features, VIEWS, hyperparameters)
  const fold = loadDevelopmentFold(folds.development, features, VIEWS, job.featureWidth)
  const checkpoints = createCheckpoints(job.jobFolder)

  const fingerprint = fingerprintOf(job, examples.length, features.rows)
  const started: TrainingPosition = { fingerprint, epoch: 1, stepInEpoch: 0, lossSum: 0, history: [] }
  let position = (await checkpoints.resume(fingerprint, session.states)) ?? started
  const stepsPerEpoch = Math.floor(folds.train.length / batchSize)
  const steps = stepsPerEpoch * maximumEpochs
  const pace = createPace()

  const judge = (candidate: Weights) =>
    developmentRecall(
      fold,
      { imageHead: imageHeadFile(shape, candidate), textModel: textModelFile(shape, candidate) },
      shape.maxLength,
      job.threads,
    )

  async function finishEpoch(): Promise<void> {
    const { epoch, lossSum, history } = position
    const recall = await judge(weights)
    const score = (recall.at1 + recall.at5 + recall.at10) / 3
    if (score > Math.max(-1, ...history.map((earlier) => earlier.score))) await checkpoints.saveBest(weights)
    const result = { epoch, loss: lossSum / stepsPerEpoch, developmentRecall: recall.at10, score }
    position = { fingerprint, epoch: epoch + 1, stepInEpoch: 0, lossSum: 0, history: [...history, result] }
    await checkpoints.save(position, session.states)
    const step = epoch * stepsPerEpoch
    report({
      ...{ epoch, epochs: maximumEpochs, step, steps, loss: result.loss },
      learningRate: learningRateAt(step, steps, learningRate, warmUp),
      developmentRecall: recall.at10,
      secondsLeft: pace.secondsLeft(steps - step),
    })
  }

  const bestOf = (history: TrainingPosition['history']) =>
    history.reduce(
      (best, epoch) => (epoch.score > best.score ? epoch : best),
      history[0] ?? { epoch: 0, score: -1, developmentRecall: 0 },
    )
  const ended = () => position.epoch > maximumEpochs || position.epoch - 1 - bestOf(position.history).epoch >= patience

  while (!ended()) {
    const batches = planEpoch(folds.train, batchSize, job.seed, position.epoch)
    for (const batch of batches.slice(position.stepInEpoch)) {
      signal?.throwIfAborted()
      const { epoch } = position
      const stepInEpoch = position.stepInEpoch + 1
      const step = (epoch - 1) * stepsPerEpoch + stepInEpoch
      const rate = learningRateAt(step, steps, learningRate, warmUp)
      batchTensors.fill(batch, randomStream(job.seed, epoch, stepInEpoch))
      const loss = await session.learn(batchTensors, step, rate)
      position = { ...position, stepInEpoch, lossSum: position.lossSum + loss }
      pace.step()
      if (stepInEpoch % hyperparameters.checkpointEvery === 0) await checkpoints.save(position, session.states)
      report({
        epoch,
        epochs: maximumEpochs,
        step,
        steps,
        loss,
        learningRate: rate,
        secondsLeft: pace.secondsLeft(steps - step),
      })
    }
    await finishEpoch()
  }
  await session.close()

  const best = { ...weights, ...((await checkpoints.best()) ?? {}) }
  await exportModel(job.outputFolder, job.modelVersion, shape, tokeniser, best)
  const recall = await judge(best)
  return {
    epochsRun: position.history.length,
    bestEpoch: bestOf(position.history).epoch,
    history: position.history.map(({ epoch, loss, developmentRecall: at10 }) => ({
      epoch,
      loss,
      developmentRecall: at10,
    })),
    metrics: {
      'development.recall_at_1': recall.at1,
      'development.recall_at_5': recall.at5,
      'development.recall_at_10': recall.at10,
      'training.loss': position.history.at(-1)?.loss ?? 0,
      'training.examples': folds.train.length,
    },
    vocabularySize,
    temperature: Math.exp(-(best['logit_scale']?.[0] ?? 0)),
  }
}
