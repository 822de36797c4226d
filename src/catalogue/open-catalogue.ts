import { setTimeout as delay } from 'node:timers/promises'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import type { Topic } from '../core/events.ts'
import { unlessStopped } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Consumer, EventLog, LogRecord, Offsets } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'
import type { Catalogue } from './catalogue.ts'
import { createFold } from './fold.ts'
import { createFoldProgress, isPastEnd } from './fold-progress.ts'
import { createQueries } from './queries.ts'
import {
  createCatalogueTables,
  foldedLogOf,
  forgetFoldedLog,
  hasCatalogueTables,
  resetCatalogueTables,
} from './schema.ts'

const decisions = [
  'erasures',
  'retraining.requested',
  'models.trained',
  'releases',
  'rerankers',
] as const satisfies readonly Topic[]

/**
 * What must be folded before a batch of a topic is: a restoration before the publication that it allows, and a publication before
 * the word that it is indexed. Each was in the log before what follows from it, so the ends at the time of the batch suffice.
 */
const precedes: Partial<Record<Topic, Topic>> = { pairs: 'erasures', 'pairs.indexed': 'pairs' }

/** A record that could not be decoded, in a topic that is read to be folded: whoever folds has to know that something is missing. */
export type RefusedRecord = Pick<LogRecord, 'topic' | 'partition' | 'offset'> & { readonly problem: ErrorCode }

const onlyFolded: ReadonlySet<Topic> = new Set(['pairs.indexed', 'releases', 'erasures', 'rerankers'])

const FIRST_WAIT = 50
const LONGEST_WAIT = 5_000

type CatalogueOptions = {
  readonly database: Database
  readonly blobs: BlobStore
  readonly readonly?: boolean
  /** Told once of each, when it is folded. */
  readonly onRefused?: (record: RefusedRecord) => void
}

/** The catalogue over `database`; with `readonly` another process folds it and this one only reads. Throws `not-ready` before that. */
export function openCatalogue(options: CatalogueOptions): Catalogue {
  const { database, blobs } = options
  if (options.readonly !== true) createCatalogueTables(database)
  else if (!hasCatalogueTables(database)) {
    throw new AppError('not-ready', 'The process that holds the data folder is still starting; try again in a moment.')
  }
  const progress = createFoldProgress(database)
  const listeners = new Set<() => void>()
  const releaseListeners = new Set<() => void>()

  const endsOf = async (log: EventLog, of: readonly Topic[]): Promise<Map<Topic, Offsets>> => {
    const ends = new Map<Topic, Offsets>()
    for (const topic of of) ends.set(topic, await log.endOffsets(topic))
    return ends
  }

  const isBehind = async (log: EventLog, topic: Topic): Promise<boolean> => {
    const folded = progress.offsets(topic)
    return [...(await log.endOffsets(topic))].some(([partition, end]) => (folded.get(partition) ?? 0) !== end)
  }

  /** What was folded of another log, or of one that does not reach these ends any more, is folded anew. */
  const beginAnewWhereOther = (identity: string, ends: ReadonlyMap<Topic, Offsets>): void => {
    const isOther = foldedLogOf(database) !== identity
    if (isOther || [...ends].some(([topic, end]) => isPastEnd(progress.offsets(topic), end))) {
      resetCatalogueTables(database, identity)
    }
  }

  const tellRefused = (records: readonly LogRecord[]): void => {
    for (const { topic, partition, offset, problem } of records)
      if (problem !== null && onlyFolded.has(topic)) options.onRefused?.({ topic, partition, offset, problem })
  }

  const tell = (topic: Topic): void => {
    progress.changed()
    for (const listener of [...listeners]) listener()
    if (topic === 'releases') for (const listener of [...releaseListeners]) listener()
  }

  const startFolding = (log: EventLog, partitions: number) => {
    const fold = createFold(database, blobs, progress, partitions)

    /** Folds the batch, however long the disk or a dependency takes; a stop leaves it, and its offset, for the next start. */
    const handle = async (records: readonly LogRecord[], signal: AbortSignal): Promise<void> => {
      const [first] = records
      if (first === undefined) return
      const before = precedes[first.topic]
      let folded = false
      for (let wait = FIRST_WAIT; !folded && !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT)) {
        try {
          if (before !== undefined) await progress.reached(await unlessStopped(endsOf(log, [before]), signal), signal)
          await fold(records, signal)
          folded = true
        } catch (error) {
          if (toAppError(error).kind !== 'unavailable') throw error
          await delay(wait, undefined, { signal }).catch(() => undefined)
        }
      }
      if (!folded) return
      tellRefused(records)
      tell(first.topic)
    }

    return (topics: readonly Topic[]): Consumer =>
      log.tail(progress.offsets, {
        topics,
        maxRecords: 1_024,
        partitionsAtOnce: topics.length,
        handle,
        onGap(topic, partition, next) {
          progress.advance(topic, partition, next)
          tell(topic)
        },
        onTruncated(topic, partition) {
          const reason = new AppError(
            'not-ready',
            `The log has lost what the catalogue holds of ${topic}, partition ${partition}; the next start folds it anew.`,
          )
          forgetFoldedLog(database)
          progress.invalidate(reason)
          throw reason
        },
      })
  }

  return {
    ...createQueries(database),
    async follow(log, signal) {
      const identity = await unlessStopped(log.identity(), signal)
      const ends = await unlessStopped(endsOf(log, [...decisions, 'pairs', 'pairs.indexed']), signal)
      beginAnewWhereOther(identity, ends)
      const decisionEnds = new Map(decisions.map((topic) => [topic, ends.get(topic) ?? new Map()] as const))
      const start = startFolding(log, await unlessStopped(log.partitions('pairs'), signal))
      const end = () => progress.end(new AppError('not-ready', 'The catalogue is no longer brought up to date here.'))
      progress.begin()
      const first = start(decisions)
      first.done.then(end, end)
      await Promise.race([progress.reached(decisionEnds, signal), first.done]).catch(async (error: unknown) => {
        await first.stop()
        throw error
      })
      const consumer = joined(first, start(['pairs']), start(['pairs.indexed']))
      consumer.done.then(end, end)
      return consumer
    },
    async caughtUp(log, signal) {
      await progress.reached(await unlessStopped(endsOf(log, [...decisions, 'pairs']), signal), signal)
    },
    async foldedPast(records, signal) {
      const ends = new Map<number, number>()
      for (const { partition, offset } of records) ends.set(partition, Math.max(ends.get(partition) ?? 0, offset + 1))
      await progress.reached(new Map([['pairs', ends]]), signal)
    },
    async isCaughtUp(log) {
      for (const topic of [...decisions, 'pairs'] as const) if (await isBehind(log, topic)) return false
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
    close() {
      progress.invalidate(new AppError('not-ready', 'The catalogue is closed.'))
      database.close()
    },
  }
}

/** Several consumers as one, which fails as soon as one of them does. */
const joined = (...consumers: readonly Consumer[]): Consumer => {
  const done = Promise.all(consumers.map((consumer) => consumer.done)).then(() => undefined)
  done.catch(() => undefined)
  return {
    done,
    reads: (topic, partition) => consumers.some((consumer) => consumer.reads(topic, partition)),
    async stop() {
      await Promise.all(consumers.map((consumer) => consumer.stop()))
    },
  }
}
