import Libsql from 'libsql'

/** The peer of the log: one table in a file of its own, as durable (WAL, `synchronous=FULL`), written and read as plainly as can be. */
export function openBareLog(path: string) {
  const database = new Libsql(path)
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL')
  database.exec('CREATE TABLE record (number INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL)')
  database.exec('CREATE TABLE position (name TEXT PRIMARY KEY, next INTEGER NOT NULL)')
  const insert = database.prepare('INSERT INTO record (key, value) VALUES (?, ?)')
  const page = database.prepare('SELECT number, key, value FROM record WHERE number > ? ORDER BY number LIMIT ?')
  const commit = database.prepare('INSERT OR REPLACE INTO position (name, next) VALUES (?, ?)')
  return {
    /** One transaction, durable when it returns. */
    append(records: readonly { readonly key: string; readonly bytes: Uint8Array }[]): void {
      database.exec('BEGIN IMMEDIATE')
      for (const { key, bytes } of records) insert.run(key, bytes)
      database.exec('COMMIT')
    },
    /** Reads all records, `size` at a time, and makes the position durable after each page; returns how many there were. */
    consume(name: string, size: number): number {
      let count = 0
      for (let after = 0; ;) {
        const rows = page.all(after, size) as { number: number }[]
        const last = rows.at(-1)
        if (last === undefined) return count
        count += rows.length
        after = last.number
        commit.run(name, after)
      }
    },
    close: () => void database.close(),
  }
}
