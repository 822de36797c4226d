import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'
import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import type { TrainingOrder, TrainingReport } from './process-messages.ts'

/** The program of a training process, beside this file: TypeScript from source, JavaScript once built. */
export const trainingProgram = fileURLToPath(new URL(`./training-process${extname(import.meta.url)}`, import.meta.url))

/**
 * `trainModel` in a process of its own at low priority, so that this one goes on answering. The process ends with this one.
 * Throws `training-failed` with the cause's message when it fails or dies, and the signal's reason when it is aborted; both
 * leave the checkpoint to resume from.
 */
export function trainInProcess(
  job: TrainingJob,
  report: (progress: TrainingProgress) => void,
  signal?: AbortSignal,
): Promise<TrainingResult> {
  return new Promise<TrainingResult>((resolve, reject) => {
    signal?.throwIfAborted()
    const child = fork(trainingProgram, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const abort = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    let detail: string | null = null

    child.on('message', (message) => {
      const received = message as TrainingReport
      if (received.type === 'progress') report(received.progress)
      else if (received.type === 'trained') resolve(received.result)
      else detail = received.detail
    })
    child.once('error', (cause) =>
      reject(new AppError('training-failed', `The training process cannot be started: ${cause.message}`, { cause })),
    )
    child.once('exit', (code, killedBy) => {
      signal?.removeEventListener('abort', abort)
      const reason = signal?.aborted === true ? (signal.reason as Error) : null
      const ended = `The training process ended by itself (${killedBy ?? `exit code ${code}`}); it resumes when started again.`
      reject(reason ?? new AppError('training-failed', detail ?? ended))
    })
    const order: TrainingOrder = { job }
    child.send(order)
  })
}
