import { randomUUID } from 'node:crypto'
import { AppError } from '../../core/errors.ts'
import { openDatabase, type Database } from '../../sqlite/database.ts'
import { topicSettings, type AnyTopic } from './topic-settings.ts'

/** How long a call may block this thread while another process writes; the write queue then waits without blocking. */
const BLOCKING_PATIENCE = 100

const tables = `
  CREATE TABLE IF NOT EXISTS log_identity (identity TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS topic (
    name TEXT PRIMARY KEY,
    partitions INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS topic_partition (
    topic TEXT NOT NULL REFERENCES topic (name),
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
  ) WITHOUT ROWID;
  -- The value is the last column, so that reading the others never touches its pages.
  CREATE TABLE IF NOT EXISTS record (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    key TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    headers TEXT NOT NULL,
    value BLOB
  );
  CREATE UNIQUE INDEX IF NOT EXISTS record_by_position ON record (topic, partition, offset);
  -- One for each compacted topic: SQLite takes a partial index only where the query names the same topic.
  CREATE INDEX IF NOT EXISTS record_by_key ON record (topic, partition, key, offset) WHERE topic = 'pairs';
  CREATE INDEX IF NOT EXISTS judgement_by_key ON record (topic, partition, key, offset) WHERE topic = 'judgements';
  CREATE INDEX IF NOT EXISTS query_by_key ON record (topic, partition, key, offset) WHERE topic = 'queries';
  CREATE INDEX IF NOT EXISTS feedback_by_key ON record (topic, partition, key, offset) WHERE topic = 'feedback';
  CREATE TABLE IF NOT EXISTS group_offset (
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (name, topic, partition)
  ) WITHOUT ROWID;
`

function createTopic(database: Database, topic: AnyTopic, partitions: number): void {
  const known = database.prepare<{ partitions: number }>('SELECT partitions FROM topic WHERE name = ?').get(topic)
  if (known === undefined) {
    database.prepare('INSERT INTO topic (name, partitions) VALUES (?, ?)').run(topic, partitions)
    const insert = database.prepare('INSERT INTO topic_partition (topic, partition) VALUES (?, ?)')
    for (let partition = 0; partition < partitions; partition++) insert.run(topic, partition)
  } else if (known.partitions !== partitions) {
    throw new AppError(
      'partition-count-changed',
      `The topic ${topic} was created with ${known.partitions} partitions and cannot have ${partitions}: ` +
        `configure ${known.partitions}, or start with an empty data folder.`,
    )
  }
}

/** Opens the log's file, with its tables and topics. Throws `partition-count-changed`, `storage-full`, `log-unavailable`. */
export function openLogDatabase(path: string, partitions: number, maxBytes: number | undefined): Database {
  const database = openDatabase(path, maxBytes === undefined ? {} : { maxBytes })
  try {
    // What is erased leaves the file's pages, not only its tables.
    database.exec('PRAGMA secure_delete = ON')
    const vacuum = database.prepare<{ auto_vacuum: number }>('PRAGMA auto_vacuum').get()
    if (vacuum?.auto_vacuum === 0) database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM')
    database.transaction(() => {
      database.exec(tables)
      const isNew = 'SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM log_identity)'
      if (database.prepare(isNew).get() !== undefined) {
        database.prepare('INSERT INTO log_identity VALUES (?)').run(randomUUID())
      }
      for (const [topic, settings] of topicSettings) {
        createTopic(database, topic, settings.partitions === 'one' ? 1 : partitions)
      }
    })
    database.exec(`PRAGMA busy_timeout = ${BLOCKING_PATIENCE}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** What tells this file from every other log, given to it when it was made. */
export const readLogIdentity = (database: Database): string =>
  database.prepare<{ identity: string }>('SELECT identity FROM log_identity').get()?.identity ?? ''
