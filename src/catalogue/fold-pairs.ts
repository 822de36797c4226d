import { normaliseCaption } from '../core/caption.ts'
import type { PairPublished } from '../core/events.ts'
import { parsePairKey } from '../core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../core/pair-record.ts'
import { drawSplit, isCounted, mergeSplits, type Split } from '../core/split.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'

type StoredPair = { rowid: number; image_id: string; caption: string | null; live: number }

/** Folds records of `pairs` into the tables, inside the caller's transaction; poison and erased pairs leave no trace. */
export function createPairFold(database: Database): (record: LogRecord<'pairs'>, partitions: number) => void {
  const storedPair = database.prepare<StoredPair>('SELECT rowid, image_id, caption, live FROM pair WHERE pair_id = ?')

  const groupSplit = (splitKey: string, named: Split | null): Split => {
    const known = database.prepare<{ split: Split }>('SELECT split FROM split_group WHERE split_key = ?').get(splitKey)?.split
    const split = known === undefined ? (named ?? drawSplit(splitKey)) : mergeSplits(known, named)
    if (split === known) return split
    database.prepare('INSERT OR REPLACE INTO split_group VALUES (?, ?)').run(splitKey, split)
    if (known !== undefined) moveGroup(splitKey, split)
    return split
  }

  const moveGroup = (splitKey: string, split: Split): void => {
    database.prepare('UPDATE image SET split = ? WHERE split_key = ?').run(split, splitKey)
    database
      .prepare('UPDATE pair SET counted = ? AND caption IS NOT NULL WHERE image_id IN (SELECT image_id FROM image WHERE split_key = ?)')
      .run(isCounted(split) ? 1 : 0, splitKey)
  }

  const foldImage = (pair: PairPublished): Split => {
    const known = database.prepare<{ split_key: string }>('SELECT split_key FROM image WHERE image_id = ?').get(pair.imageId)
    const splitKey = known?.split_key ?? pair.perceptualHash ?? pair.imageId
    const split = groupSplit(splitKey, pair.split)
    database
      .prepare(
        `INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
         ON CONFLICT (image_id) DO UPDATE SET split = excluded.split, metadata = excluded.metadata, source = excluded.source`,
      )
      .run(
        pair.imageId, imageBlobKey(pair.imageId), pair.contentType, pair.width, pair.height,
        split, splitKey, pair.source, JSON.stringify(pair.metadata),
      ) // prettier-ignore
    return split
  }

  const isSuppressed = (pairId: string): boolean => {
    const mark = database
      .prepare<{ erased_at: number | null; restored_at: number | null }>('SELECT erased_at, restored_at FROM erasure WHERE pair_id = ?')
      .get(pairId)
    return mark?.erased_at != null && mark.erased_at > (mark.restored_at ?? 0)
  }

  const foldPublished = (pair: PairPublished, acceptedAt: number): void => {
    if (isSuppressed(pair.pairId)) return
    const split = foldImage(pair)
    const stored = storedPair.get(pair.pairId)
    if (stored?.live === 1) return
    const caption = pair.caption === null ? null : normaliseCaption(pair.caption)
    const inBase = database.prepare('SELECT 1 FROM base WHERE pair_id = ?').get(pair.pairId) === undefined ? 0 : 1
    if (stored !== undefined) database.prepare('DELETE FROM pair WHERE rowid = ?').run(stored.rowid)
    database
      .prepare(
        `INSERT INTO pair (pair_id, image_id, caption, subject, source, metadata, published_at, accepted_at, live, counted, in_base)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`,
      )
      .run(
        pair.pairId, pair.imageId, caption, pair.subject, pair.source, JSON.stringify(pair.metadata), pair.publishedAt,
        acceptedAt, caption !== null && isCounted(split) ? 1 : 0, inBase,
      ) // prettier-ignore
    if (caption !== null) {
      database.prepare('INSERT INTO caption_text (rowid, caption) VALUES (last_insert_rowid(), ?)').run(caption)
    }
    database.prepare('UPDATE image SET live_pairs = live_pairs + 1 WHERE image_id = ?').run(pair.imageId)
  }

  const foldErased = (imageId: string, pairId: string, erasedAt: number): void => {
    database
      .prepare(
        `INSERT INTO erasure (pair_id, image_id, erased_at) VALUES (?, ?, ?)
         ON CONFLICT (pair_id) DO UPDATE SET erased_at = max(coalesce(erased_at, 0), excluded.erased_at)`,
      )
      .run(pairId, imageId, erasedAt)
    const stored = storedPair.get(pairId)
    if (stored?.live !== 1) return
    database.prepare('DELETE FROM caption_text WHERE rowid = ?').run(stored.rowid)
    database.prepare('DELETE FROM indexed WHERE pair_id = ?').run(pairId)
    // The row stays, without its content, so that the pair's address can answer that it was erased.
    database
      .prepare(
        `UPDATE pair SET live = 0, counted = 0, in_base = 0, caption = NULL, subject = NULL, source = '', metadata = '{}' WHERE rowid = ?`,
      )
      .run(stored.rowid)
    database.prepare('UPDATE image SET live_pairs = live_pairs - 1 WHERE image_id = ?').run(imageId)
    database.prepare('DELETE FROM image WHERE image_id = ? AND live_pairs = 0').run(imageId)
  }

  return (record, partitions) => {
    if (pairRecordProblem(record, partitions) !== null) return
    if (record.value !== null) {
      foldPublished(record.value, record.timestamp)
      return
    }
    const ids = parsePairKey(record.key)
    if (ids !== null) foldErased(ids.imageId, ids.pairId, record.timestamp)
  }
}
