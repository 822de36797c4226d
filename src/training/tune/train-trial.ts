import { join } from 'node:path'
import { toAppError } from '../../core/errors.ts'
import type { Backbone } from '../../models/backbone.ts'
import type { SentenceEncoder } from '../../models/pretrained/sentence-encoder.ts'
import { meanRecall, type Recall } from '../development-recall.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from '../job.ts'
import { trainInProcess } from '../run-in-process.ts'
import type { TrialTraining } from './halving.ts'
import type { Tuning } from './plan-tuning.ts'
import type { EndedTraining } from './training-records.ts'

/** What a search says of the job of a training. */
type Trials = Pick<Tuning, 'digest' | 'trials' | 'trainingSeed' | 'base'> & {
  /** As pictures are read by it. */
  readonly backbone: Pick<Backbone, 'featureWidth' | 'regions'>
  readonly sentences: Pick<SentenceEncoder, 'width'> | null
  readonly clip?: TrainingJob['clip']
}

type Surroundings = {
  readonly jobFolder: string
  readonly threads: number
  readonly clock: () => number
}

/**
 * The job of a training. Its schedule is that of a whole training of so many epochs: each rung starts anew, as weights in the middle of a
 * longer schedule, at a rate that is still high, would say little of where a trial ends.
 */
function jobOf(training: TrialTraining, tuning: Trials, { jobFolder, threads }: Surroundings): TrainingJob {
  const { trial, fold, epochs } = training
  const values = tuning.trials[trial - 1]?.values
  return {
    jobFolder,
    outputFolder: join(jobFolder, 'model'),
    modelVersion: `tune-${tuning.digest}-${trial}-${fold}-${epochs}`,
    seed: tuning.trainingSeed,
    threads,
    featureWidth: tuning.backbone.featureWidth,
    regions: tuning.backbone.regions,
    sentenceWidth: tuning.sentences?.width ?? null,
    clip: tuning.clip == null ? null : { id: tuning.clip.id },
    initialFolder: null,
    hyperparameters: { ...tuning.base, ...values, maximumEpochs: epochs },
  }
}

/** The mean of the six recalls of the epoch that a training would have exported. */
function scoreOf({ metrics }: TrainingResult): number {
  const recall = (direction: string): Recall => ({
    at1: metrics[`development.${direction}recall_at_1`] ?? 0,
    at5: metrics[`development.${direction}recall_at_5`] ?? 0,
    at10: metrics[`development.${direction}recall_at_10`] ?? 0,
  })
  return meanRecall({ textToImage: recall(''), imageToText: recall('image_to_text_') })
}

/**
 * Trains a trial on the fold whose data lie in the folder, in a process of its own; from its checkpoint where it was cut off. What
 * cannot be trained with the values of a trial is a trial that failed; where it is the first, the values are not to blame, and
 * `training-failed` is thrown. Throws the signal's reason when it is raised, and `storage-full`.
 */
export async function trainTrial(
  training: TrialTraining,
  tuning: Trials,
  surroundings: Surroundings,
  onProgress: (progress: TrainingProgress) => void,
  signal: AbortSignal,
): Promise<EndedTraining> {
  const { clock } = surroundings
  try {
    const result = await trainInProcess(jobOf(training, tuning, surroundings), onProgress, signal)
    const metrics = { ...result.metrics, epochs_run: result.epochsRun }
    return { ...training, score: scoreOf(result), metrics, failure: null, endedAt: clock() }
  } catch (thrown) {
    const { code, message } = toAppError(thrown)
    if (signal.aborted || code !== 'training-failed' || training.trial === 1) throw thrown
    return { ...training, score: null, metrics: {}, failure: message, endedAt: clock() }
  }
}
