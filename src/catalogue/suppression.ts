import type { ErasureRecord } from '../core/events.ts'
import type { Database } from '../sqlite/database.ts'

/** The pairs that may not be published again, inside the caller's transaction. */
export type Suppression = {
  /** A tombstone of `pairs`. */
  erased(imageId: string, pairId: string, at: number): void
  /** A record of `erasures`, taken by the log at `timestamp`. */
  recorded(record: ErasureRecord, timestamp: number): void
  /** Whether a publication that the log took at `timestamp` comes after an erasure that was not lifted in between. */
  holds(imageId: string, pairId: string, timestamp: number): boolean
}

/**
 * Keeps every erasure and restoration with its time, not only the newest: a catalogue that is folded anew knows the restorations
 * of the future, and must still refuse what was refused. Requests and receipts count as erasures too, because compaction may take a
 * tombstone that a later record of the same key supersedes. Within one millisecond an erasure wins.
 */
export function createSuppression(database: Database): Suppression {
  const insert = database.prepare('INSERT OR IGNORE INTO erasure_mark VALUES (?, ?, ?, ?)')
  // A tombstone is in the partition of the publication, so those that were folded came before it, whatever the clock said.
  const erasedAt = database.prepare<{ at: number | null }>(
    `SELECT max(at) AS at FROM erasure_mark
     WHERE pair_id = ? AND image_id = ? AND (kind = 'tombstone' OR kind = 'request' AND at <= ?)`,
  )
  const lifted = database.prepare(
    `SELECT 1 FROM erasure_mark WHERE pair_id = ? AND image_id = ? AND kind = 'restoration' AND at > ? AND at <= ?`,
  )
  return {
    erased: (imageId, pairId, at) => void insert.run(pairId, imageId, 'tombstone', at),
    recorded({ state, imageId, pairId, at }, timestamp) {
      if (state === 'requested') insert.run(pairId, imageId, 'request', timestamp)
      // A receipt names the time of its tombstone: it may be written after the pair was restored.
      else if (state === 'done') insert.run(pairId, imageId, 'request', at)
      else if (state === 'restored') insert.run(pairId, imageId, 'restoration', timestamp)
    },
    holds(imageId, pairId, timestamp) {
      const at = erasedAt.get(pairId, imageId, timestamp)?.at ?? null
      return at !== null && lifted.get(pairId, imageId, at, timestamp) === undefined
    },
  }
}
