import type { Database } from '../sqlite/database.ts'

/** Creates the tables of the catalogue where they are absent. The file is a fold of the log: deleting it only costs the time to fold again. */
export function createCatalogueTables(database: Database): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS fold_offset (
      topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
      PRIMARY KEY (topic, partition)) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS split_group (
      split_key TEXT PRIMARY KEY, split TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS image (
      image_id TEXT PRIMARY KEY, blob_key TEXT NOT NULL, content_type TEXT NOT NULL,
      width INTEGER NOT NULL, height INTEGER NOT NULL,
      split TEXT NOT NULL, split_key TEXT NOT NULL, source TEXT NOT NULL, metadata TEXT NOT NULL,
      live_pairs INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS image_split_key ON image (split_key);

    CREATE TABLE IF NOT EXISTS pair (
      rowid INTEGER PRIMARY KEY, pair_id TEXT NOT NULL UNIQUE, image_id TEXT NOT NULL,
      caption TEXT, subject TEXT, source TEXT NOT NULL, metadata TEXT NOT NULL,
      published_at INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
      live INTEGER NOT NULL, counted INTEGER NOT NULL, in_base INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS pair_image ON pair (image_id);
    CREATE INDEX IF NOT EXISTS pair_counts ON pair (live, counted, in_base);

    CREATE TABLE IF NOT EXISTS base (pair_id TEXT PRIMARY KEY) WITHOUT ROWID;

    CREATE VIRTUAL TABLE IF NOT EXISTS caption_text USING fts5 (
      caption, tokenize = 'porter unicode61 remove_diacritics 2');

    CREATE TABLE IF NOT EXISTS indexed (
      pair_id TEXT NOT NULL, generation TEXT NOT NULL, model_version TEXT NOT NULL,
      embedded_at INTEGER NOT NULL, indexed_at INTEGER NOT NULL,
      PRIMARY KEY (pair_id, generation)) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS erasure (
      pair_id TEXT PRIMARY KEY, image_id TEXT NOT NULL, erased_at INTEGER, restored_at INTEGER,
      receipt TEXT) WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS event (
      topic TEXT NOT NULL, key TEXT NOT NULL, ordinal INTEGER NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (topic, key)) WITHOUT ROWID;
  `)
}
