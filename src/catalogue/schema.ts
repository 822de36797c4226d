import type { Database } from '../sqlite/database.ts'
import { wordTable } from '../sqlite/word-table.ts'

/** Raised whenever the tables or the way of folding change. */
const VERSION = 8

const tables = `
  CREATE TABLE fold_offset (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;

  -- The log that the offsets are of.
  CREATE TABLE fold_log (identity TEXT NOT NULL);

  CREATE TABLE split_group (
    split_key TEXT PRIMARY KEY, split TEXT NOT NULL) WITHOUT ROWID;

  -- Outlives the image: whoever publishes it again finds it in the set that it was in.
  CREATE TABLE split_member (
    image_id TEXT PRIMARY KEY, split_key TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE image (
    image_id TEXT PRIMARY KEY, blob_key TEXT NOT NULL, content_type TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    split TEXT NOT NULL, split_key TEXT NOT NULL, source TEXT NOT NULL, metadata TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX image_split_key ON image (split_key);
  CREATE INDEX image_split ON image (split);

  CREATE TABLE pair (
    rowid INTEGER PRIMARY KEY, pair_id TEXT NOT NULL UNIQUE, image_id TEXT NOT NULL,
    caption TEXT, subject TEXT, source TEXT NOT NULL, metadata TEXT NOT NULL,
    published_at INTEGER NOT NULL, accepted_at INTEGER NOT NULL, log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    live INTEGER NOT NULL, counted INTEGER NOT NULL, in_base INTEGER NOT NULL);
  CREATE INDEX pair_image ON pair (image_id);
  CREATE INDEX pair_subject ON pair (subject) WHERE subject IS NOT NULL;

  CREATE TABLE base (pair_id TEXT PRIMARY KEY) WITHOUT ROWID;

  CREATE TABLE indexed (
    pair_id TEXT NOT NULL, generation TEXT NOT NULL, model_version TEXT NOT NULL,
    embedded_at INTEGER NOT NULL, indexed_at INTEGER NOT NULL,
    PRIMARY KEY (pair_id, generation)) WITHOUT ROWID;

  CREATE TABLE erasure (
    pair_id TEXT PRIMARY KEY, image_id TEXT NOT NULL, receipt TEXT NOT NULL) WITHOUT ROWID;

  -- Every tombstone, request and restoration, by the time at which the log took it.
  CREATE TABLE erasure_mark (
    pair_id TEXT NOT NULL, image_id TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (pair_id, image_id, kind, at)) WITHOUT ROWID;

  CREATE TABLE event (
    topic TEXT NOT NULL, key TEXT NOT NULL, ordinal INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (topic, key)) WITHOUT ROWID;
`

/** The counts are asked for with every batch of the counter, so they are kept rather than counted. */
const tally = `
  CREATE TABLE tally (images INTEGER NOT NULL, pairs INTEGER NOT NULL, counted INTEGER NOT NULL, base INTEGER NOT NULL);
  INSERT INTO tally VALUES (0, 0, 0, 0);
  CREATE TRIGGER image_inserted AFTER INSERT ON image BEGIN UPDATE tally SET images = images + 1; END;
  CREATE TRIGGER image_deleted AFTER DELETE ON image BEGIN UPDATE tally SET images = images - 1; END;
  CREATE TRIGGER pair_inserted AFTER INSERT ON pair WHEN new.live = 1 BEGIN
    UPDATE tally SET pairs = pairs + (new.caption IS NOT NULL), counted = counted + new.counted,
      base = base + new.counted * new.in_base;
  END;
  CREATE TRIGGER pair_deleted AFTER DELETE ON pair WHEN old.live = 1 BEGIN
    UPDATE tally SET pairs = pairs - (old.caption IS NOT NULL), counted = counted - old.counted,
      base = base - old.counted * old.in_base;
  END;
  CREATE TRIGGER pair_updated AFTER UPDATE OF live, caption, counted, in_base ON pair BEGIN
    UPDATE tally SET
      pairs = pairs + new.live * (new.caption IS NOT NULL) - old.live * (old.caption IS NOT NULL),
      counted = counted + new.live * new.counted - old.live * old.counted,
      base = base + new.live * new.counted * new.in_base - old.live * old.counted * old.in_base;
  END;
`

const versionOf = (database: Database): number =>
  database.prepare<{ user_version: number }>('PRAGMA user_version').get()?.user_version ?? 0

/** Whether the tables are there, as this version folds them. */
export const hasCatalogueTables = (database: Database): boolean => versionOf(database) === VERSION

function dropTables(database: Database): void {
  const names = database.prepare<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'caption_text_%'",
  )
  for (const { name } of names.all()) database.exec(`DROP TABLE "${name}"`)
}

/**
 * Creates the tables of the catalogue, or those of another version anew. The file is a fold of the log: losing it only costs the
 * time to fold again. What is erased is overwritten in the file's pages.
 */
export function createCatalogueTables(database: Database): void {
  database.exec('PRAGMA secure_delete = ON')
  if (!hasCatalogueTables(database)) database.transaction(() => createAnew(database, null))
}

function createAnew(database: Database, identity: string | null): void {
  dropTables(database)
  database.exec(tables)
  database.exec(wordTable('caption_text'))
  database.exec(tally)
  database.exec(`PRAGMA user_version = ${VERSION}`)
  if (identity !== null) database.prepare('INSERT INTO fold_log VALUES (?)').run(identity)
}

/** Empties the tables, for a fold of the log of this identity. */
export const resetCatalogueTables = (database: Database, identity: string): void =>
  database.transaction(() => createAnew(database, identity))

/** What is folded is no good: the next start folds anew. */
export const forgetFoldedLog = (database: Database): void => database.exec('DELETE FROM fold_log')

/** The identity of the log that is folded; null where it is to be folded anew. */
export const foldedLogOf = (database: Database): string | null =>
  database.prepare<{ identity: string }>('SELECT identity FROM fold_log').get()?.identity ?? null
