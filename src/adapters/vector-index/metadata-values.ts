import { valueOf, type ValueKind, type ValueRange } from '../../core/value-range.ts'
import type { Database, SqliteValue } from '../../sqlite/database.ts'
import type { Collection } from './collection-records.ts'

const PAGE = 1_000
const kinds = ['numbers', 'dates'] as const satisfies readonly ValueKind[]

const TABLE = `
  CREATE TABLE metadata_values (
    collection INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value REAL NOT NULL,
    point INTEGER NOT NULL,
    PRIMARY KEY (collection, name, kind, value, point)
  ) WITHOUT ROWID;
  CREATE INDEX metadata_values_by_point ON metadata_values (point);
`

/** A condition on `value`, the same text whichever bounds there are; its values are those of `rangeBounds`. */
export const IN_RANGE = 'value BETWEEN ? AND ? AND value IS NOT ? AND value IS NOT ?'

export const rangeBounds = ({ gte, gt, lte, lt }: ValueRange): readonly SqliteValue[] => [
  gte ?? gt ?? -Infinity,
  lte ?? lt ?? Infinity,
  gt ?? null,
  lt ?? null,
]

/** What metadata values count as where they read as a number or a date, by the number of the point. */
export function createMetadataValues(database: Database) {
  const add = database.prepare('INSERT INTO metadata_values VALUES (?, ?, ?, ?, ?)')
  const remove = database.prepare('DELETE FROM metadata_values WHERE point = ?')

  return {
    add({ number: collection }: Pick<Collection, 'number'>, point: number, name: string, text: string): void {
      for (const kind of kinds) {
        const value = valueOf(kind, text)
        if (value !== null) add.run(collection, name, kind, value, point)
      }
    },
    remove: (point: number): void => void remove.run(point),
  }
}

/** Makes the table where a database of an earlier version has none, with what its metadata count as. */
export function ensureMetadataValues(database: Database): void {
  if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'metadata_values'").get() !== undefined) return
  database.exec(TABLE)
  const values = createMetadataValues(database)
  const page = database.prepare<{ number: number; collection: number; payload: string }>(
    `SELECT number, collection, payload FROM points WHERE number > ? ORDER BY number LIMIT ${PAGE}`,
  )
  for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.number ?? 0)) {
    for (const { number, collection, payload } of rows) {
      const { metadata } = JSON.parse(payload) as { metadata: Readonly<Record<string, string>> }
      for (const [name, text] of Object.entries(metadata)) values.add({ number: collection }, number, name, text)
    }
  }
}
