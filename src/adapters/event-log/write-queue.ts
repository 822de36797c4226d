import { AppError, toAppError } from '../../core/errors.ts'
import type { Database } from '../../sqlite/database.ts'

export type WriteQueueLimits = {
  /** How long a write may wait, in milliseconds. */
  readonly deadline: number
  /** How many records may wait. */
  readonly records: number
  /** How many bytes of values may wait. */
  readonly bytes: number
}

/** Ten seconds, and no more than fits into memory. */
export const defaultWriteLimits: WriteQueueLimits = { deadline: 10_000, records: 10_000, bytes: 256_000_000 }

export type WriteSize = { readonly records: number; readonly bytes: number }

/** Writes that are put into common transactions, in the order of the calls. */
export interface WriteQueue {
  /** Resolves with what `body` gave once its transaction is durable. Throws `publish-unconfirmed`, `storage-full`. */
  write<R>(size: WriteSize, body: () => R): Promise<R>
  /** Writes what waits; later writes are refused with `log-unavailable`. */
  close(): Promise<void>
}

type Waiting = {
  readonly size: WriteSize
  readonly since: number
  /** Runs within the transaction and gives what to call once it is durable. */
  readonly run: () => () => void
  readonly reject: (error: AppError) => void
}

/** A transaction blocks this thread, so it is kept short. */
const transactionLimit: WriteSize = { records: 2_000, bytes: 32_000_000 }
const RETRY_AFTER = 20

const fits = (size: WriteSize, next: WriteSize, limit: WriteSize): boolean =>
  size.records + next.records <= limit.records && size.bytes + next.bytes <= limit.bytes

const sum = (a: WriteSize, b: WriteSize, sign: 1 | -1 = 1): WriteSize => ({
  records: a.records + sign * b.records,
  bytes: a.bytes + sign * b.bytes,
})

/** The size of a write that adds no records, such as a commit of offsets: it is never refused for want of room. */
export const nothing: WriteSize = { records: 0, bytes: 0 }

/**
 * Group commit: whatever is asked for while a transaction runs, or within one turn of the event loop, shares the next
 * transaction and its one fsync. A locked database is tried again until the deadline, without blocking the thread.
 */
export function createWriteQueue(database: Database, limits: WriteQueueLimits): WriteQueue {
  let waiting: Waiting[] = []
  let waitingSize = nothing
  let running: Promise<void> | null = null
  let closed = false

  const drop = (writes: readonly Waiting[]): void => {
    waiting = waiting.slice(writes.length)
    for (const { size } of writes) waitingSize = sum(waitingSize, size, -1)
  }

  const rejectOverdue = (): void => {
    const oldest = performance.now() - limits.deadline
    const overdue = waiting.filter(({ since }) => since < oldest) // a prefix: the queue is in the order of time
    drop(overdue)
    for (const { reject } of overdue) {
      reject(new AppError('publish-unconfirmed', 'The log did not answer in time; send the records again.'))
    }
  }

  const nextBatch = (): Waiting[] => {
    let size = nothing
    const tooMany = waiting.findIndex((write, index) => {
      if (index > 0 && !fits(size, write.size, transactionLimit)) return true
      size = sum(size, write.size)
      return false
    })
    return tooMany === -1 ? waiting : waiting.slice(0, tooMany)
  }

  /** Writes one batch; false when the database could not be written and the batch waits on. */
  const writeBatch = (): boolean => {
    const batch = nextBatch()
    let acknowledgements: (() => void)[]
    try {
      acknowledgements = database.transaction(() => batch.map(({ run }) => run()))
    } catch (error) {
      const failure = toAppError(error)
      if (failure.code === 'log-unavailable') return false
      drop(batch)
      for (const { reject } of batch) reject(failure)
      return true
    }
    drop(batch)
    for (const acknowledge of acknowledgements) acknowledge()
    return true
  }

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      rejectOverdue()
      if (waiting.length > 0 && !writeBatch()) await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER))
    }
    running = null
  }

  return {
    write<R>(size: WriteSize, body: () => R) {
      return new Promise<R>((resolve, reject) => {
        if (closed) {
          reject(new AppError('log-unavailable', 'The log is closed.'))
          return
        }
        // A call larger than the whole queue is taken when nothing else waits: it could never be otherwise.
        if (waiting.length > 0 && size.records > 0 && !fits(waitingSize, size, limits)) {
          const detail = `${waitingSize.records} records wait to be written; slow down and send the records again.`
          reject(new AppError('publish-unconfirmed', detail))
          return
        }
        const run = (): (() => void) => {
          const result = body()
          return () => resolve(result)
        }
        waiting.push({ size, since: performance.now(), run, reject })
        waitingSize = sum(waitingSize, size)
        running ??= drain()
      })
    },
    async close() {
      closed = true
      await running
    },
  }
}
