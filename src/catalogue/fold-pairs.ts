import { normaliseCaption } from '../core/caption.ts'
import type { PairPublished } from '../core/events.ts'
import { parsePairKey } from '../core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../core/pair-record.ts'
import { isCounted } from '../core/split.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'
import { storedWords } from '../sqlite/word-table.ts'
import { createSplitFold, type ImageSplit } from './fold-splits.ts'
import type { Suppression } from './suppression.ts'

type StoredPair = { rowid: number; image_id: string; published_at: number; live: number }

/** Where and when the log took a record. */
type Taken = Pick<LogRecord, 'timestamp' | 'partition' | 'offset'>

/** Folds a record of `pairs`; true when it took content out of the tables. */
type PairFold = (record: LogRecord<'pairs'>, partitions: number) => boolean

/** Folds records of `pairs` into the tables, inside the caller's transaction; poison and erased pairs leave no trace. */
export function createPairFold(database: Database, suppression: Suppression): PairFold {
  const foldSplit = createSplitFold(database)
  const storedPair = database.prepare<StoredPair>(
    'SELECT rowid, image_id, published_at, live FROM pair WHERE pair_id = ?',
  )
  const insertPair = database.prepare(
    `INSERT INTO pair (pair_id, image_id, caption, subject, source, metadata, published_at, accepted_at, live, counted,
       log_partition, log_offset, in_base)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?9 AND EXISTS (SELECT 1 FROM base WHERE pair_id = ?1))`,
  )
  const insertText = database.prepare('INSERT INTO caption_text (rowid, words) VALUES (last_insert_rowid(), ?)')
  const deleteText = database.prepare('DELETE FROM caption_text WHERE rowid = ?')
  const deletePair = database.prepare('DELETE FROM pair WHERE rowid = ?')
  const deleteIndexed = database.prepare('DELETE FROM indexed WHERE pair_id = ?')
  // The row stays, without its content, so that the pair's address can answer that it was erased.
  const blankPair = database.prepare(
    `UPDATE pair SET live = 0, counted = 0, in_base = 0, caption = NULL, subject = NULL, source = '', metadata = '{}'
     WHERE rowid = ?`,
  )
  const insertImage = database.prepare(
    `INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (image_id) DO UPDATE SET
       content_type = excluded.content_type, width = excluded.width, height = excluded.height`,
  )
  const describeImage = database.prepare(
    `UPDATE image SET (source, metadata) =
       (SELECT source, metadata FROM pair WHERE image_id = ?1 AND live = 1 ORDER BY rowid DESC LIMIT 1)
     WHERE image_id = ?1`,
  )
  const deleteImage = database.prepare(
    'DELETE FROM image WHERE image_id = ?1 AND NOT EXISTS (SELECT 1 FROM pair WHERE image_id = ?1 AND live = 1)',
  )

  /** What the image says of itself is what its newest live pair says, so nothing of an erased one stays. */
  const settleImage = (imageId: string): void => {
    deleteImage.run(imageId)
    describeImage.run(imageId)
  }

  /** The newest record of a pair replaces the one before as a whole: compaction will leave no other. */
  const foldPublished = (pair: PairPublished, { timestamp: acceptedAt, partition, offset }: Taken): void => {
    const set: ImageSplit = foldSplit(pair)
    if (suppression.holds(pair.imageId, pair.pairId, acceptedAt)) return
    const metadata = JSON.stringify(pair.metadata)
    insertImage.run(
      pair.imageId, imageBlobKey(pair.imageId), pair.contentType, pair.width, pair.height,
      set.split, set.splitKey, pair.source, metadata,
    ) // prettier-ignore
    const stored = storedPair.get(pair.pairId)
    if (stored !== undefined) {
      deleteText.run(stored.rowid)
      deletePair.run(stored.rowid)
      if (stored.published_at !== pair.publishedAt) deleteIndexed.run(pair.pairId)
    }
    const caption = pair.caption === null ? null : normaliseCaption(pair.caption)
    const counted = caption !== null && isCounted(set.split) ? 1 : 0
    insertPair.run(
      pair.pairId, pair.imageId, caption, pair.subject, pair.source, metadata, pair.publishedAt, acceptedAt,
      1, counted, partition, offset,
    ) // prettier-ignore
    if (caption !== null) insertText.run(storedWords(caption))
    settleImage(pair.imageId)
  }

  const foldErased = (imageId: string, pairId: string, { timestamp: at, partition, offset }: Taken): boolean => {
    suppression.erased(imageId, pairId, at)
    const stored = storedPair.get(pairId)
    if (stored === undefined) {
      insertPair.run(pairId, imageId, null, null, '', '{}', at, at, 0, 0, partition, offset)
      return false
    }
    // A tombstone under the key of another image is about a pair that cannot exist.
    if (stored.live === 0 || stored.image_id !== imageId) return false
    deleteText.run(stored.rowid)
    deleteIndexed.run(pairId)
    blankPair.run(stored.rowid)
    settleImage(imageId)
    return true
  }

  return (record, partitions) => {
    if (pairRecordProblem(record, partitions) !== null) return false
    if (record.value !== null) {
      foldPublished(record.value, record)
      return false
    }
    const ids = parsePairKey(record.key)
    return ids !== null && foldErased(ids.imageId, ids.pairId, record)
  }
}
