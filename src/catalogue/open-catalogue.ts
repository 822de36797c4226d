import type { RetrainingRequested, Topic } from '../core/events.ts'
import { topics } from '../core/events.ts'
import { AppError } from '../core/errors.ts'
import { readSnapshot } from '../core/snapshot.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Consumer, EventLog, LogRecord, Offsets } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'
import type { Catalogue } from './catalogue.ts'
import { createEventFold } from './fold-events.ts'
import { createPairFold } from './fold-pairs.ts'
import { createQueries } from './queries.ts'
import { createCatalogueTables } from './schema.ts'

/** Decisions and erasures are folded before pairs, so that a rebuilt catalogue never lets an erased pair back in. */
const decisions = ['erasures', 'retraining.requested', 'models.trained', 'releases'] as const satisfies readonly Topic[]
const streams = ['pairs', 'pairs.indexed'] as const satisfies readonly Topic[]

/** The catalogue over `database`; with `readonly` another process folds it and this one only reads. */
export function openCatalogue(options: { database: Database; blobs: BlobStore; readonly?: boolean }): Catalogue {
  const { database, blobs } = options
  if (options.readonly !== true) createCatalogueTables(database)
  const foldPair = createPairFold(database)
  const fold = createEventFold(database)
  const listeners = new Set<() => void>()
  const releaseListeners = new Set<() => void>()

  const offsets = (topic: Topic): Offsets =>
    new Map(
      database
        .prepare<{ partition: number; next: number }>('SELECT partition, next_offset AS next FROM fold_offset WHERE topic = ?')
        .all(topic)
        .map(({ partition, next }) => [partition, next]),
    )

  const foldRecord = (record: LogRecord, partitions: number): void => {
    if (record.topic === 'pairs') foldPair(record, partitions)
    else if (record.value === null) return
    else if (record.topic === 'pairs.indexed') fold.indexed(record.value)
    else if (record.topic === 'retraining.requested') fold.request(record.value)
    else if (record.topic === 'models.trained') fold.model(record.value)
    else if (record.topic === 'releases') fold.release(record.value)
    else fold.erasure(record.value)
  }

  /** The pairs of the newest request among the records: the blob is read before the transaction, which cannot wait. */
  const newestBase = async (records: readonly LogRecord[]): Promise<string[] | null> => {
    const request = records.findLast((record) => record.topic === 'retraining.requested' && record.value !== null)
      ?.value as RetrainingRequested | undefined
    if (request === undefined || database.prepare('SELECT 1 FROM event WHERE key = ?').get(request.requestId)) return null
    const bytes = await blobs.get(request.snapshot)
    if (bytes === null) throw new AppError('blob-missing', `The snapshot ${request.snapshot} is gone; restore the blob store.`)
    return readSnapshot(bytes).map(({ pairId }) => pairId)
  }

  const foldBatch = async (records: readonly LogRecord[], partitions: number): Promise<void> => {
    const last = records.at(-1)
    if (last === undefined) return
    const base = await newestBase(records)
    database.transaction(() => {
      for (const record of records) foldRecord(record, partitions)
      if (base !== null) fold.base(base)
      advance(last.topic, last.partition, last.offset + 1)
    })
    for (const listener of listeners) listener()
    if (last.topic === 'releases') for (const listener of releaseListeners) listener()
  }

  const advance = (topic: Topic, partition: number, next: number): void =>
    void database.prepare('INSERT OR REPLACE INTO fold_offset VALUES (?, ?, ?)').run(topic, partition, next)

  const isBehind = async (log: EventLog, topic: Topic): Promise<boolean> => {
    const folded = offsets(topic)
    return [...(await log.endOffsets(topic))].some(([partition, end]) => (folded.get(partition) ?? 0) < end)
  }

  /** Resolves once the topics are folded up to the ends they had at the call. */
  const foldedTo = async (ends: ReadonlyMap<Topic, Offsets>): Promise<void> => {
    const reached = () =>
      [...ends].every(([topic, end]) => {
        const folded = offsets(topic)
        return [...end].every(([partition, next]) => (folded.get(partition) ?? 0) >= next)
      })
    if (reached()) return
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!reached()) return
        listeners.delete(check)
        clearInterval(poll)
        resolve()
      }
      listeners.add(check)
      // Where another process folds, nobody calls the listeners.
      const poll = setInterval(check, 20)
    })
  }

  const endsOf = async (log: EventLog, of: readonly Topic[]): Promise<Map<Topic, Offsets>> => {
    const ends = new Map<Topic, Offsets>()
    for (const topic of of) ends.set(topic, await log.endOffsets(topic))
    return ends
  }

  return {
    ...createQueries(database),
    async follow(log) {
      const partitions = await log.partitions('pairs')
      const options = {
        maxRecords: 1_024,
        handle: (records: readonly LogRecord[]) => foldBatch(records, partitions),
        onGap(topic: Topic, partition: number, next: number) {
          advance(topic, partition, next)
          for (const listener of listeners) listener()
        },
      }
      const first = log.tail(offsets, { ...options, topics: decisions })
      await Promise.race([foldedTo(await endsOf(log, decisions)), first.done])
      const second = log.tail(offsets, { ...options, topics: streams })
      return joined(first, second)
    },
    async caughtUp(log) {
      await foldedTo(await endsOf(log, [...decisions, 'pairs']))
    },
    async foldedPast(records) {
      const ends = new Map<number, number>()
      for (const { partition, offset } of records) ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1))
      await foldedTo(new Map([['pairs', ends]]))
    },
    async isCaughtUp(log) {
      for (const topic of topics) if (topic !== 'pairs.indexed' && (await isBehind(log, topic))) return false
      return true
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onReleaseChange(listener) {
      releaseListeners.add(listener)
      return () => releaseListeners.delete(listener)
    },
    close: () => database.close(),
  }
}

const joined = (...consumers: readonly Consumer[]): Consumer => {
  const done = Promise.all(consumers.map((consumer) => consumer.done)).then(() => undefined)
  done.catch(() => undefined)
  return {
    done,
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop()))
    },
  }
}
