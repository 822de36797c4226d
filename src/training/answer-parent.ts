import { setPriority } from 'node:os'
import type { AppError } from '../core/errors.ts'
import type { ChildReport } from './run-child.ts'

/** Lower than everything that answers people: search stays quick while a model is trained. */
const PRIORITY = 10

/** The process' side of `runChild`: does the work that the parent sends, at low priority, says how it went, and ends. */
export function answerParent(
  work: (order: never, report: (progress: unknown) => void) => Promise<unknown>,
  toFailure: (error: unknown) => Pick<AppError, 'code' | 'message'>,
): void {
  // A parent that has died cannot use the result; its checkpoint lets the next one go on.
  process.once('disconnect', () => process.exit(1))

  // A terminal interrupts the whole group at once. When to stop is the parent's decision, which kills this process then; dying first
  // would look like a training that failed.
  process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)

  /** Resolves once the parent has the message, so that the process does not end before it. */
  const send = (report: ChildReport<unknown, unknown>) =>
    new Promise<void>((resolve) => process.send?.(report, () => resolve()))

  const run = async (order: never): Promise<void> => {
    try {
      setPriority(PRIORITY)
      const result = await work(order, (progress) => void send({ type: 'progress', progress }))
      await send({ type: 'done', result })
    } catch (error) {
      const { code, message } = toFailure(error)
      await send({ type: 'failed', code, detail: message })
    }
    process.exit()
  }
  process.once('message', (order) => void run(order as never))
}
