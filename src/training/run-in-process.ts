import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import type { TrainingOrder } from './process-messages.ts'
import { runChild } from './run-child.ts'

/** The program of a training process, beside this file: TypeScript from source, JavaScript once built. */
export const trainingProgram = fileURLToPath(new URL(`./training-process${extname(import.meta.url)}`, import.meta.url))

/** How often a process that dies without a word, killed or out of memory, is started again. */
const RESTARTS = 3

type Report = (progress: TrainingProgress) => void

/**
 * `trainModel` in a process of its own at low priority, so that this one goes on answering. The process ends with this one. Where it
 * dies it is started again, three times at most, and goes on from its checkpoint. Throws `training-failed` with the cause's
 * message when the training fails, `storage-full` when the disk is full, and the signal's reason when it is aborted.
 */
export async function trainInProcess(job: TrainingJob, report: Report, signal?: AbortSignal): Promise<TrainingResult> {
  const order: TrainingOrder = { job }
  for (let restarts = 0; ; restarts++) {
    const ended = await runChild<TrainingResult>(trainingProgram, order, report, signal)
    if ('result' in ended) return ended.result
    if ('failure' in ended) throw failureOf(ended.failure, job)
    if (restarts === RESTARTS) {
      const times = `The training process ended by itself ${RESTARTS + 1} times, at last by ${ended.diedBy}`
      throw new AppError('training-failed', `${times}; see whether there is memory enough, and ask for a retraining.`)
    }
  }
}

function failureOf({ code, detail }: Pick<AppError, 'code'> & { readonly detail: string }, { jobFolder }: TrainingJob) {
  if (code !== 'storage-full') return new AppError(code, detail)
  return new AppError(code, `The disk that holds ${jobFolder} is full; free some space and the training goes on.`)
}
