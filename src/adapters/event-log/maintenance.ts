import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Database } from '../../sqlite/database.ts'
import { topicSettings, type AnyTopic, type TopicSettings } from './topic-settings.ts'
import { nothing, type WriteQueue } from './write-queue.ts'

/** How many records one transaction looks at: short enough that no append waits for long. */
const PAGE = 500
const VACUUM_PAGES = 500

type Page = { readonly last: number | null; readonly removed: number }

/**
 * Compaction and retention by the rules that brokers follow. What goes is overwritten, leaves the write-ahead log too, and
 * its pages are given back to the file system. Safe beside running consumers and other processes.
 */
export function createMaintenance(database: Database, queue: WriteQueue) {
  const pageEnd = database.prepare<{ last: number | null }>(
    `SELECT max(offset) AS last FROM
       (SELECT offset FROM record WHERE topic = ? AND partition = ? AND offset > ? ORDER BY offset LIMIT ${PAGE})`,
  )
  // The topic stands in the text, or the index of its keys would not be used.
  const compactions = new Map(
    [...topicSettings].flatMap(([topic, { compaction }]) => {
      if (compaction === null) return []
      const removeSuperseded = database.prepare(
        `DELETE FROM record WHERE topic = '${topic}' AND partition = ? AND offset > ? AND offset <= ? AND timestamp < ? AND EXISTS (
           SELECT 1 FROM record AS newer WHERE newer.topic = '${topic}' AND newer.partition = record.partition
             AND newer.key = record.key AND newer.offset > record.offset)`,
      )
      const removeTombstones = database.prepare(
        `DELETE FROM record WHERE topic = '${topic}' AND partition = ? AND offset > ? AND offset <= ? AND timestamp < ? AND value IS NULL`,
      )
      const compactPage = (partition: number, after: number, last: number, now: number): number =>
        // Older values of a key go before its tombstone: were it the other way round, they would be back.
        removeSuperseded.run(partition, after, last, now - compaction.minimumAge).changes +
        removeTombstones.run(partition, after, last, now - compaction.tombstoneRetention).changes
      return [[topic, compactPage] as const]
    }),
  )
  const removeOld = database.prepare(
    'DELETE FROM record WHERE topic = ? AND partition = ? AND offset > ? AND offset <= ? AND timestamp < ?',
  )
  const free = database.prepare<{ freelist_count: number }>('PRAGMA freelist_count')
  const checkpoint = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)')

  /** Walks a partition page by page, each in a transaction of its own, until `remove` asks to end. */
  const walk = async (
    topic: AnyTopic,
    partition: number,
    remove: (after: number, last: number) => number,
    goOn: (page: Page) => boolean,
  ): Promise<number> => {
    let removed = 0
    for (let after = -1; ;) {
      const from = after
      const page = await queue.write(nothing, (): Page => {
        const last = pageEnd.get(topic, partition, from)?.last ?? null
        return { last, removed: last === null ? 0 : remove(from, last) }
      })
      removed += page.removed
      if (page.last === null || !goOn(page)) return removed
      after = page.last
    }
  }

  const maintainTopic = async (
    topic: AnyTopic,
    partition: number,
    settings: TopicSettings,
    now: number,
  ): Promise<number> => {
    const { retention } = settings
    const compactPage = compactions.get(topic)
    let removed = 0
    if (retention !== null) {
      const remove = (after: number, last: number) =>
        removeOld.run(topic, partition, after, last, now - retention).changes
      // Records are in the order of time, so a page with one to keep has none to remove behind it.
      removed += await walk(topic, partition, remove, (page) => page.removed > 0)
    }
    if (compactPage !== undefined) {
      const compact = (after: number, last: number): number => compactPage(partition, after, last, now)
      removed += await walk(topic, partition, compact, () => true)
    }
    return removed
  }

  const giveBackPages = async (): Promise<void> => {
    const freePages = (): number => free.get()?.freelist_count ?? 0
    for (let left = freePages(), before = Infinity; left > 0 && left < before; before = left, left = freePages()) {
      await queue.write(nothing, () => database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`))
      await nextTurn()
    }
  }

  return async (now: number, partitions: (topic: AnyTopic) => number): Promise<void> => {
    let removed = 0
    for (const [topic, settings] of topicSettings) {
      for (let partition = 0; partition < partitions(topic); partition++) {
        removed += await maintainTopic(topic, partition, settings, now)
      }
    }
    if (removed === 0) return
    await giveBackPages()
    checkpoint.get() // reports a busy reader instead of failing; the next maintenance does it then
  }
}
