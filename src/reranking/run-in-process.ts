import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, type ErrorCode } from '../core/errors.ts'
import type { RerankerJob, RerankerOutcome, RerankerProgress } from './reranker-job.ts'

/** What a training process sends: progress, and at the end one of the other two. */
export type RerankerReport =
  | { readonly type: 'progress'; readonly progress: RerankerProgress }
  | { readonly type: 'done'; readonly outcome: RerankerOutcome }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly detail: string }

/** The program beside this file: TypeScript from source, JavaScript once built. */
const program = fileURLToPath(new URL(`./reranker-process${extname(import.meta.url)}`, import.meta.url))

/**
 * `runRerankerJob` in a process of its own at low priority, so that this one goes on answering. The process ends with this one; where it
 * dies, running the same job again goes on from its checkpoint. Throws what the job throws, `training-failed` where the process dies, and
 * the signal's reason.
 */
export function rerankInProcess(
  job: RerankerJob,
  report: (progress: RerankerProgress) => void,
  signal?: AbortSignal,
): Promise<RerankerOutcome> {
  return new Promise<RerankerOutcome>((resolve, reject) => {
    signal?.throwIfAborted()
    const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const abort = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    child.on('message', (message) => {
      const received = message as RerankerReport
      if (received.type === 'progress') report(received.progress)
      else if (received.type === 'done') resolve(received.outcome)
      else reject(new AppError(received.code, received.detail))
    })
    child.on('error', (cause) =>
      reject(new AppError('training-failed', `The training process cannot be started: ${cause.message}`, { cause })),
    )
    // Not `exit`, which may come before the last message.
    child.once('close', (status, killedBy) => {
      signal?.removeEventListener('abort', abort)
      if (signal?.aborted === true) reject(signal.reason as Error)
      const by = killedBy ?? `exit code ${status}`
      reject(new AppError('training-failed', `The training process ended by itself (${by}); see whether there is memory enough, and train again to go on.`)) // prettier-ignore
    })
    // A process that is dead already has no use for it; that it died is told by `close`.
    child.send(job, () => undefined)
  })
}
