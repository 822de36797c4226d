import { AppError } from '../core/errors.ts'
import type { Weights } from './definitions/serving.ts'
import { createBatchTensors, type FeatureSources } from './batch-tensors.ts'
import { planEpoch } from './batches.ts'
import { createCheckpoints, fingerprintOf, startingPosition } from './checkpoint.ts'
import { developmentRecall, loadDevelopmentFold, meanRecall, type BothRecalls } from './development-recall.ts'
import { exportModel, servedFiles } from './export-model.ts'
import { choosePrecision, type ServedFiles } from './export-precision.ts'
import { openFeatureFile } from './feature-file.ts'
import { planEasyEpoch, planMinedEpoch } from './ideas.ts'
import { bestEpoch, hasStopped, type JudgedEpoch } from './history.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import { copyOf } from './learned-arrays.ts'
import { createPace } from './pace.ts'
import { prepareTraining } from './prepare.ts'
import { randomStream } from './random.ts'
import { learningRateAt } from './schedule.ts'
import { SENTENCES_FILE } from './training-data.ts'
import { createTrainingSession } from './training-session.ts'
import { viewsOf } from './views.ts'
import { createWeightAverage } from './weight-average.ts'
import { betterOf, exportZeroShot, isZeroShot, withoutAdapters, type Candidate } from './zero-shot.ts'

type Report = (progress: TrainingProgress) => void

/**
 * Trains a dual encoder and writes it to the job's output folder. The outcome is a function of the job and its data, bit for bit; a
 * checkpoint in the job folder is taken up where it ends. Adapters that find no more than the CLIP they are on are not exported. Throws
 * `training-failed` when the data cannot be learned from, and the signal's reason when it is aborted.
 */
export async function trainModel(job: TrainingJob, report: Report, signal?: AbortSignal): Promise<TrainingResult> {
  if (isZeroShot(job)) return exportZeroShot(job)
  const features = openFeatureFile(job.jobFolder, viewsOf(job.hyperparameters).length, job.featureWidth)
  const { sentenceWidth } = job
  const sentences = sentenceWidth === null ? null : openFeatureFile(job.jobFolder, 1, sentenceWidth, SENTENCES_FILE)
  try {
    return await trainOn({ features, sentences }, job, report, signal)
  } finally {
    features.close()
    sentences?.close()
  }
}

const isOnClip = ({ clip = null }: TrainingJob): boolean => clip !== null

async function trainOn(sources: FeatureSources, job: TrainingJob, report: Report, signal?: AbortSignal) {
  const prepared = await prepareTraining(job, sources.features)
  const { shape, tokeniser, vocabularySize, weights, folds, examplesDigest } = prepared
  const views = viewsOf(job.hyperparameters)
  const fold = loadDevelopmentFold(folds.development, sources, views.length, shape)
  // A batch larger than the data would leave nothing to learn from.
  const batchSize = Math.min(job.hyperparameters.batchSize, folds.train.length)
  const hyperparameters = { ...job.hyperparameters, batchSize }
  const { maximumEpochs: epochs, patience, learningRate, warmUp } = hyperparameters
  const stepsPerEpoch = Math.floor(folds.train.length / batchSize)
  const steps = stepsPerEpoch * epochs
  const rateAt = (step: number) => learningRateAt(step, steps, learningRate, warmUp)

  const session = await createTrainingSession(shape, weights, hyperparameters, job.threads)
  const { states } = session
  const trained = Object.fromEntries(Object.entries(states).map(([name, { values }]) => [name, values]))
  const average = createWeightAverage(trained, hyperparameters.averageDecay)
  const learned = { states, averages: average.averages }
  const batchTensors = createBatchTensors(shape, folds.train, sources, views.length, hyperparameters)
  const checkpoints = createCheckpoints(job.jobFolder)
  const fingerprint = fingerprintOf(job, examplesDigest)
  const resumed = await checkpoints.resume(fingerprint, learned)
  let position = resumed?.position ?? startingPosition(fingerprint)
  let best = resumed?.best ?? null
  const pace = createPace()

  const judge = (files: ServedFiles): Promise<BothRecalls> => developmentRecall(fold, files, shape, job.threads)

  async function finishEpoch(): Promise<void> {
    const { epoch, lossSum, history } = position
    const loss = lossSum / stepsPerEpoch
    const recall = await judge(servedFiles(shape, { ...weights, ...learned.averages }))
    // Without a development fold the training loss is all there is to go by.
    const score = fold.images > 0 ? meanRecall(recall) : -loss
    const { at10 } = recall.textToImage
    const judged: JudgedEpoch = { epoch, loss, developmentRecall: at10, score }
    position = { ...startingPosition(fingerprint), epoch: epoch + 1, history: [...history, judged] }
    if (bestEpoch(position.history) === judged) best = copyOf(learned.averages)
    await checkpoints.save({ position, best }, learned)
    const step = epoch * stepsPerEpoch
    const progress = { epoch, epochs, step, steps, loss, learningRate: rateAt(step) }
    report({ ...progress, developmentRecall: at10, secondsLeft: pace.secondsLeft(steps - step) })
  }

  async function plan(epoch: number): Promise<readonly Uint32Array[]> {
    const { minedTogether: size = 0, curriculum = 1 } = hyperparameters
    if (curriculum < 1) return planEasyEpoch(folds.train, batchSize, job.seed, epoch, epochs, curriculum)
    if (size < 2 || epoch === 1) return planEpoch(folds.train, batchSize, job.seed, epoch)
    const now = { ...weights, ...learned.averages }
    const mining = { sources, views: views.length, shape, weights: now, threads: job.threads, size }
    return planMinedEpoch(folds.train, batchSize, job.seed, epoch, mining)
  }

  while (position.epoch <= epochs && !hasStopped(position.history, patience)) {
    const batches = await plan(position.epoch)
    for (const batch of batches.slice(position.stepInEpoch)) {
      signal?.throwIfAborted()
      const { epoch } = position
      const stepInEpoch = position.stepInEpoch + 1
      const step = (epoch - 1) * stepsPerEpoch + stepInEpoch
      batchTensors.fill(batch, randomStream(job.seed, epoch, stepInEpoch))
      const loss = await session.learn(batchTensors, step, rateAt(step))
      if (!Number.isFinite(loss)) {
        throw new AppError('training-failed', `The loss at step ${step} is no number; lower the learning rate.`)
      }
      position = { ...position, stepInEpoch, lossSum: position.lossSum + loss }
      average.update(step)
      pace.step()
      if (stepInEpoch % hyperparameters.checkpointEvery === 0) await checkpoints.save({ position, best }, learned)
      const progress = { epoch, epochs, step, steps, loss, learningRate: rateAt(step) }
      report({ ...progress, secondsLeft: pace.secondsLeft(steps - step) })
    }
    await finishEpoch()
  }
  await session.close()

  const { exportPrecision: wanted } = hyperparameters
  const candidate = async (given: Weights): Promise<Candidate> => {
    const exported = await choosePrecision(servedFiles(shape, given), wanted, judge, fold.images > 0)
    return { weights: given, exported }
  }
  const learnt = await candidate({ ...weights, ...best })
  const zeroShot = isOnClip(job) ? await candidate(withoutAdapters(weights)) : null
  const chosen = zeroShot === null ? learnt : betterOf(learnt, zeroShot)
  const { modelVersion, clip } = job
  const own = isOnClip(job) ? null : tokeniser
  const model = { modelVersion, shape, views, weights: chosen.weights, tokeniser: own, clip }
  await exportModel(job.outputFolder, model, chosen.exported)
  return {
    epochsRun: position.history.length,
    bestEpoch: chosen === zeroShot ? 0 : (bestEpoch(position.history)?.epoch ?? 0),
    history: position.history.map(({ epoch, loss, developmentRecall }) => ({ epoch, loss, developmentRecall })),
    metrics: {
      ...recallMetrics('development', chosen.exported.recall),
      ...(zeroShot === null ? {} : recallMetrics('zero_shot', zeroShot.exported.recall)),
      'training.loss': position.history.at(-1)?.loss ?? 0,
      'training.images': folds.train.imageStarts.length - 1,
      'training.examples': folds.train.length,
      'development.images': folds.development.imageStarts.length - 1,
      'development.examples': folds.development.length,
      ...chosen.exported.metrics,
    },
    vocabularySize: own === null ? 0 : vocabularySize,
    temperature: Math.exp(-(chosen.weights['logit_scale']?.[0] ?? 0)),
  }
}

const recallMetrics = (fold: string, { textToImage, imageToText }: BothRecalls): Record<string, number> => ({
  [`${fold}.recall_at_1`]: textToImage.at1,
  [`${fold}.recall_at_5`]: textToImage.at5,
  [`${fold}.recall_at_10`]: textToImage.at10,
  [`${fold}.image_to_text_recall_at_1`]: imageToText.at1,
  [`${fold}.image_to_text_recall_at_5`]: imageToText.at5,
  [`${fold}.image_to_text_recall_at_10`]: imageToText.at10,
})
