import type { ErasureRecord, PairIndexed, ReleaseRecord, RerankerJudged, TopicValues } from '../core/events.ts'
import type { Database } from '../sqlite/database.ts'
import { promotedReranker } from './promoted-reranker.ts'
import type { Suppression } from './suppression.ts'

type FirstWins = 'retraining.requested' | 'models.trained' | 'releases' | 'rerankers'

/** Folds the topics of decisions and receipts, inside the caller's transaction. */
export function createEventFold(database: Database, suppression: Suppression) {
  const keep = <T extends FirstWins>(topic: T, key: string, value: TopicValues[T]): boolean => {
    const { ordinal } = database
      .prepare<{ ordinal: number }>('SELECT coalesce(max(ordinal), -1) + 1 AS ordinal FROM event WHERE topic = ?')
      .get(topic) ?? { ordinal: 0 }
    const { changes } = database
      .prepare('INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)')
      .run(topic, key, ordinal, JSON.stringify(value))
    return changes > 0
  }

  const headRelease = (): string | null =>
    database
      .prepare<{ key: string }>(`SELECT key FROM event WHERE topic = 'releases' ORDER BY ordinal DESC LIMIT 1`)
      .get()?.key ?? null

  return {
    request: (value: TopicValues['retraining.requested']) => keep('retraining.requested', value.requestId, value),

    /** The first record of a request wins, whoever trained it. */
    model: (value: TopicValues['models.trained']) => keep('models.trained', value.requestId, value),

    /** Compare-and-set by the log: a record that does not follow the newest valid one is ignored. */
    release(value: ReleaseRecord): void {
      if (value.follows !== headRelease()) return
      if (!keep('releases', value.releaseId, value)) return
      if (value.state === 'retired' && value.generation !== null) {
        database.prepare('DELETE FROM indexed WHERE generation = ?').run(value.generation)
      }
    },

    /** Compare-and-set by the log: of two that were judged against the same champion, the first that is promoted wins. */
    reranker(value: RerankerJudged): void {
      const champion = promotedReranker(database)?.modelVersion ?? null
      if (value.outcome === 'promoted' && value.champion !== champion) return
      keep('rerankers', value.modelVersion, value)
    },

    /** Taken only for the publication and the generation that it is about: neither erased, superseded nor retired since. */
    indexed(value: PairIndexed): void {
      database
        .prepare(
          `INSERT OR REPLACE INTO indexed SELECT ?1, ?2, ?3, ?4, ?5
           WHERE EXISTS (SELECT 1 FROM pair WHERE pair_id = ?1 AND live = 1 AND published_at = ?6)
             AND NOT EXISTS (SELECT 1 FROM event
               WHERE topic = 'releases' AND value ->> '$.state' = 'retired' AND value ->> '$.generation' = ?2)`,
        )
        .run(
          value.pairId, value.generation, value.modelVersion, value.embeddedAt, value.indexedAt, value.publishedAt,
        ) // prettier-ignore
    },

    erasure(value: ErasureRecord, timestamp: number): void {
      database
        .prepare('INSERT OR REPLACE INTO erasure VALUES (?, ?, ?)')
        .run(value.pairId, value.imageId, JSON.stringify(value))
      suppression.recorded(value, timestamp)
    },

    /** The pairs of the newest requested snapshot are the counter's base from here on. */
    base(pairIds: Iterable<string>): void {
      database.exec('DELETE FROM base; UPDATE pair SET in_base = 0 WHERE in_base = 1')
      const insert = database.prepare('INSERT OR IGNORE INTO base VALUES (?)')
      for (const pairId of pairIds) insert.run(pairId)
      database.exec('UPDATE pair SET in_base = 1 WHERE live = 1 AND pair_id IN (SELECT pair_id FROM base)')
    },
  }
}
