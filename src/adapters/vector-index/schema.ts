import { existsSync } from 'node:fs'
import { AppError } from '../../core/errors.ts'
import { openDatabase, type Database } from '../../sqlite/database.ts'
import { ensureCaptionWords } from './caption-words.ts'
import { ensureMetadataValues } from './metadata-values.ts'

/**
 * Every change takes the next value of one sequence, so a number is never used twice: a point's number stands for one id with one
 * vector, and whoever knows all changes up to a position catches up by asking for what has a higher one.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 0), value INTEGER NOT NULL);
  INSERT OR IGNORE INTO sequence VALUES (0, 0);
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS collections (
    number INTEGER PRIMARY KEY,
    generation TEXT NOT NULL,
    kind TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (generation, kind)
  );
  CREATE TABLE IF NOT EXISTS points (
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    id TEXT NOT NULL,
    split TEXT NOT NULL,
    payload TEXT NOT NULL,
    vector BLOB NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS points_by_id ON points (collection, id);
  CREATE INDEX IF NOT EXISTS points_by_split ON points (collection, split);
  CREATE INDEX IF NOT EXISTS points_by_collection ON points (collection);
  CREATE TABLE IF NOT EXISTS metadata (
    collection INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    point INTEGER NOT NULL,
    PRIMARY KEY (collection, name, value, point)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS metadata_by_point ON metadata (point);
  CREATE TABLE IF NOT EXISTS removals (
    position INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    point INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS removals_by_collection ON removals (collection);
  CREATE TABLE IF NOT EXISTS dropped (collection INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS graphs (
    collection INTEGER PRIMARY KEY,
    covers INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL
  );
`

/** Opens the database with its tables, and has SQLite overwrite what is deleted: an erased vector is not to linger in free pages. */
export function openVectorDatabase(path: string, writable: boolean, maxBytes?: number): Database {
  if (writable) {
    const database = openDatabase(path, {
      unavailable: 'index-unavailable',
      ...(maxBytes === undefined ? {} : { maxBytes }),
    })
    database.exec('PRAGMA secure_delete=ON')
    database.transaction(() => {
      database.exec(SCHEMA)
      ensureCaptionWords(database)
      ensureMetadataValues(database)
    })
    return database
  }
  // libsql creates the file even when it is to be read only, so both need checking here.
  const database = existsSync(path) ? openDatabase(path, { readonly: true, unavailable: 'index-unavailable' }) : null
  database?.exec('PRAGMA query_only=ON')
  const made = database
    ?.prepare<{ name: string }>("SELECT name FROM sqlite_master WHERE name IN ('caption_words', 'metadata_values')")
    .all()
  if (database === null || made?.length !== 2) {
    database?.close()
    throw new AppError(
      'index-unavailable',
      `There is no index of this version at ${path} yet; start the process that writes it first.`,
    )
  }
  return database
}
