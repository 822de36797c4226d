import { fork } from 'node:child_process'
import { constants } from 'node:os'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import type { TrainingOrder, TrainingReport } from './process-messages.ts'

/** The program of a training process, beside this file: TypeScript from source, JavaScript once built. */
export const trainingProgram = fileURLToPath(new URL(`./training-process${extname(import.meta.url)}`, import.meta.url))

/** How often a process that dies without a word, killed or out of memory, is started again. */
const RESTARTS = 3

type Report = (progress: TrainingProgress) => void
type Ended = { readonly result: TrainingResult } | { readonly diedBy: string }

/**
 * `trainModel` in a process of its own at low priority, so that this one goes on answering. The process ends with this one. Where it
 * dies it is started again, three times at most, and goes on from its checkpoint. Throws `training-failed` with the cause's
 * message when the training fails, `storage-full` when the disk is full, and the signal's reason when it is aborted.
 */
export async function trainInProcess(job: TrainingJob, report: Report, signal?: AbortSignal): Promise<TrainingResult> {
  for (let restarts = 0; ; restarts++) {
    const ended = await runProcess(job, report, signal)
    if ('result' in ended) return ended.result
    if (restarts === RESTARTS) {
      const times = `The training process ended by itself ${RESTARTS + 1} times, at last by ${ended.diedBy}`
      throw new AppError('training-failed', `${times}; see whether there is memory enough, and ask for a retraining.`)
    }
  }
}

function runProcess(job: TrainingJob, report: Report, signal: AbortSignal | undefined): Promise<Ended> {
  return new Promise<Ended>((resolve, reject) => {
    signal?.throwIfAborted()
    const child = fork(trainingProgram, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const abort = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    let failure: string | null = null

    child.on('message', (message) => {
      const received = message as TrainingReport
      if (received.type === 'progress') report(received.progress)
      else if (received.type === 'trained') resolve({ result: received.result })
      else failure = received.detail
    })
    child.on('error', (cause) =>
      reject(new AppError('training-failed', `The training process cannot be started: ${cause.message}`, { cause })),
    )
    // Not `exit`, which may come before the last message.
    child.once('close', (status, killedBy) => {
      signal?.removeEventListener('abort', abort)
      if (signal?.aborted === true) reject(signal.reason as Error)
      else if (failure !== null) reject(new AppError('training-failed', failure))
      else if (status === constants.errno.ENOSPC) reject(diskFull(job))
      else resolve({ diedBy: killedBy ?? `exit code ${status}` })
    })
    const order: TrainingOrder = { job }
    // A process that is dead already has no use for it; that it died is told by `close`.
    child.send(order, () => undefined)
  })
}

const diskFull = ({ jobFolder }: TrainingJob): AppError =>
  new AppError('storage-full', `The disk that holds ${jobFolder} is full; free some space and the training goes on.`)
