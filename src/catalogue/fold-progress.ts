import { AppError, toAppError } from '../core/errors.ts'
import type { Topic } from '../core/events.ts'
import type { Offsets } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'

/** How often a reader looks at what another process has folded, in milliseconds. */
const POLL_INTERVAL = 20

type Waiter = { readonly check: () => void; readonly reject: (error: AppError) => void }

/** How far each topic is folded, and who waits for it. */
export type FoldProgress = {
  offsets(topic: Topic): Offsets
  /** To be called in the transaction that folds; those who wait are told by `changed`, once it is durable. */
  advance(topic: Topic, partition: number, next: number): void
  changed(): void
  /** Resolves once the topics are folded up to the ends. Throws `not-ready` when folding ends, or `signal` is raised, before that. */
  reached(ends: ReadonlyMap<Topic, Offsets>, signal?: AbortSignal): Promise<void>
  /** Whether somebody folds in this process: until then, and where another process does, waiting looks at the file. */
  begin(): void
  /** Nobody folds any more: those who wait, and those to come who would have to, get the reason. */
  end(reason: AppError): void
  /** As `end`, and nothing counts as folded any more. */
  invalidate(reason: AppError): void
}

/** Whether something is folded that a log with these ends never held, or has lost. */
export const isPastEnd = (folded: Offsets, ends: Offsets): boolean =>
  [...ends].some(([partition, end]) => (folded.get(partition) ?? 0) > end)

export function createFoldProgress(database: Database): FoldProgress {
  const waiters = new Set<Waiter>()
  let following = false
  let ended: AppError | null = null
  let isInvalid = false
  let poll: NodeJS.Timeout | undefined

  const offsets = (topic: Topic): Offsets =>
    new Map(
      database
        .prepare<{ partition: number; next: number }>(
          'SELECT partition, next_offset AS next FROM fold_offset WHERE topic = ?',
        )
        .all(topic)
        .map(({ partition, next }) => [partition, next]),
    )

  const isReached = (ends: ReadonlyMap<Topic, Offsets>): boolean => {
    if (isInvalid) return false
    return [...ends].every(([topic, end]) => {
      const folded = offsets(topic)
      return [...end].every(([partition, next]) => (folded.get(partition) ?? 0) >= next)
    })
  }

  const changed = (): void => {
    for (const { check } of [...waiters]) check()
  }

  const lookNowAndThen = (): void => {
    if (following || waiters.size === 0) {
      clearInterval(poll)
      poll = undefined
    } else poll ??= setInterval(changed, POLL_INTERVAL)
  }

  const wait = (ends: ReadonlyMap<Topic, Offsets>, signal: AbortSignal | undefined): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      const settle = (conclude: () => void): void => {
        waiters.delete(waiter)
        signal?.removeEventListener('abort', abort)
        lookNowAndThen()
        conclude()
      }
      const waiter: Waiter = {
        check() {
          try {
            if (isReached(ends)) settle(resolve)
          } catch (error) {
            // That it is busy at this moment is no verdict: the next look may succeed.
            const failure = toAppError(error)
            if (failure.kind !== 'unavailable') settle(() => reject(failure))
          }
        },
        reject: (error) => settle(() => reject(error)),
      }
      const abort = (): void => waiter.reject(new AppError('not-ready', 'Stopped while waiting for the catalogue.'))
      waiters.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
      if (signal?.aborted === true) abort()
      lookNowAndThen()
    })

  const end = (reason: AppError): void => {
    following = false
    ended = reason
    for (const { reject } of [...waiters]) reject(reason)
  }

  return {
    offsets,
    advance: (topic, partition, next) =>
      void database.prepare('INSERT OR REPLACE INTO fold_offset VALUES (?, ?, ?)').run(topic, partition, next),
    changed,
    async reached(ends, signal) {
      if (isReached(ends)) return
      if (ended !== null) throw ended
      await wait(ends, signal)
    },
    begin() {
      following = true
      ended = null
      lookNowAndThen()
    },
    end,
    invalidate(reason) {
      isInvalid = true
      end(reason)
    },
  }
}
