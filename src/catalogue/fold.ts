import { unlessStopped } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'
import { createEventFold } from './fold-events.ts'
import { createPairFold } from './fold-pairs.ts'
import type { FoldProgress } from './fold-progress.ts'
import { requestedBase } from './requested-base.ts'
import { createSuppression } from './suppression.ts'

/** Folds a batch of one partition, its offset in the same transaction. `partitions` is the count of `pairs`. */
export function createFold(database: Database, blobs: BlobStore, progress: FoldProgress, partitions: number) {
  const suppression = createSuppression(database)
  const foldPair = createPairFold(database, suppression)
  const events = createEventFold(database, suppression)

  /** True when content was taken out of the tables. */
  const foldRecord = (record: LogRecord): boolean => {
    if (record.topic === 'pairs') return foldPair(record, partitions)
    if (record.value === null) return false
    if (record.topic === 'pairs.indexed') events.indexed(record.value)
    else if (record.topic === 'retraining.requested') events.request(record.value)
    else if (record.topic === 'models.trained') events.model(record.value)
    else if (record.topic === 'releases') events.release(record.value)
    else if (record.topic === 'rerankers') events.reranker(record.value)
    else if (record.topic === 'erasures') events.erasure(record.value, record.timestamp)
    return false
  }

  /** Pages of the write-ahead log still hold what was erased. Where a reader is in the way, the next erasure does it. */
  const emptyWriteAheadLog = (): void => {
    try {
      database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    } catch {
      return
    }
  }

  return async (records: readonly LogRecord[], signal?: AbortSignal): Promise<void> => {
    const last = records.at(-1)
    if (last === undefined) return
    // Read before the transaction, which cannot wait.
    const base = await unlessStopped(requestedBase(database, blobs, records), signal)
    const removed = database.transaction(() => {
      const removals = records.filter(foldRecord).length
      if (base !== null) events.base(base)
      progress.advance(last.topic, last.partition, last.offset + 1)
      return removals
    })
    if (removed > 0) emptyWriteAheadLog()
  }
}
