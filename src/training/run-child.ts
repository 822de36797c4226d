import { fork } from 'node:child_process'
import { AppError, type ErrorCode } from '../core/errors.ts'

type Failure = { readonly code: ErrorCode; readonly detail: string }

/** What a process that learns sends: progress, and at the end one of the other two. */
export type ChildReport<Progress, Result> =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly result: Result }
  | ({ readonly type: 'failed' } & Failure)

/** How it ended: what it came to, why it failed, or by what it died without a word. */
type ChildEnd<Result> = { readonly result: Result } | { readonly failure: Failure } | { readonly diedBy: string }

/**
 * Runs a program that answers by `answerParent` in a process of its own, which ends with this one. What it sends is what the program and the
 * caller agree upon. Throws `training-failed` where it cannot
 * be started, and the signal's reason when it is aborted.
 */
export function runChild<Result>(
  program: string,
  order: object,
  report: (progress: never) => void,
  signal: AbortSignal | undefined,
): Promise<ChildEnd<Result>> {
  return new Promise<ChildEnd<Result>>((resolve, reject) => {
    signal?.throwIfAborted()
    const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const abort = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', abort, { once: true })
    let failure: Failure | null = null

    child.on('message', (message) => {
      const received = message as ChildReport<never, Result>
      if (received.type === 'progress') report(received.progress)
      else if (received.type === 'done') resolve({ result: received.result })
      else failure = received
    })
    child.on('error', (cause) =>
      reject(new AppError('training-failed', `The training process cannot be started: ${cause.message}`, { cause })),
    )
    // Not `exit`, which may come before the last message.
    child.once('close', (status, killedBy) => {
      signal?.removeEventListener('abort', abort)
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve(failure === null ? { diedBy: killedBy ?? `exit code ${status}` } : { failure })
    })
    // A process that is dead already has no use for it; that it died is told by `close`.
    child.send(order, () => undefined)
  })
}
