import { AppError } from '../../core/errors.ts'
import { pointKinds, type GenerationInfo, type PointKind } from '../../ports/vector-index.ts'
import type { Database } from '../../sqlite/database.ts'

/** One kind of points of one generation. `number` is never given to another; `position` is that of its last change. */
export type Collection = {
  readonly number: number
  readonly generation: string
  readonly kind: PointKind
  readonly dimension: number
  readonly position: number
}

/** The saved graph of a collection: every point up to the number `covers` is in it. */
export type GraphRecord = { readonly covers: number; readonly bytes: number; readonly sha256: string }

/** Takes the next value of the sequence. Call it inside a transaction. */
export function nextPosition(database: Database): number {
  const row = database.prepare<{ value: number }>('UPDATE sequence SET value = value + 1 RETURNING value').get()
  if (row === undefined)
    throw new AppError('index-unavailable', 'The vector database has lost its sequence; rebuild the index.')
  return row.value
}

/** Generations, their collections and what is known about their graphs. */
export function createCollectionRecords(database: Database) {
  const find = database.prepare<Collection>('SELECT * FROM collections WHERE generation = ? AND kind = ?')
  const list = database.prepare<Collection>('SELECT * FROM collections ORDER BY number')
  const insert = database.prepare('INSERT INTO collections VALUES (?, ?, ?, ?, 0)')
  const count = database.prepare<{ count: number }>('SELECT count(*) AS count FROM points WHERE collection = ?')
  const graph = database.prepare<GraphRecord>('SELECT covers, bytes, sha256 FROM graphs WHERE collection = ?')
  const setGraph = database.prepare('INSERT OR REPLACE INTO graphs VALUES (?, ?, ?, ?)')
  const setting = database.prepare<{ value: string }>('SELECT value FROM settings WHERE name = ?')
  const setSetting = database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)')

  const collection = (generation: string, kind: PointKind): Collection => {
    const row = find.get(generation, kind)
    if (row === undefined) throw new AppError('generation-not-found', `The index has no generation ${generation}.`)
    return row
  }

  return {
    /** Throws `generation-not-found`. */
    collection,
    create(generation: string, dimension: number): void {
      database.transaction(() => {
        const existing = find.get(generation, 'images')
        if (existing?.dimension === dimension) return
        if (existing !== undefined) {
          throw new AppError(
            'invalid-vector',
            `Generation ${generation} exists with ${existing.dimension} dimensions, not ${dimension}; drop it first.`,
          )
        }
        for (const kind of pointKinds) insert.run(nextPosition(database), generation, kind, dimension)
      })
    },
    generations(): GenerationInfo[] {
      const counts = new Map<string, GenerationInfo>()
      for (const { number, generation, kind, dimension } of list.all()) {
        const known = counts.get(generation)?.counts ?? { images: 0, captions: 0 }
        counts.set(generation, { generation, dimension, counts: { ...known, [kind]: count.get(number)?.count ?? 0 } })
      }
      return [...counts.values()]
    },
    /** Takes a generation out of sight; its rows wait for `sweepDropped`. Returns the numbers of its collections. */
    drop(generation: string): readonly number[] {
      return database.transaction(() => {
        const numbers = list.all().flatMap((row) => (row.generation === generation ? [row.number] : []))
        for (const number of numbers) {
          database.prepare('INSERT INTO dropped VALUES (?)').run(number)
          database.prepare('DELETE FROM graphs WHERE collection = ?').run(number)
          database.prepare('DELETE FROM collections WHERE number = ?').run(number)
        }
        database.prepare("DELETE FROM settings WHERE name = 'serving' AND value = ?").run(generation)
        return numbers
      })
    },
    /** Deletes at most `limit` points of dropped collections; false once none are left. */
    sweepDropped(limit: number): boolean {
      return database.transaction(() => {
        const dropped = database.prepare<{ collection: number }>('SELECT collection FROM dropped LIMIT 1').get()
        if (dropped === undefined) return false
        const numbers = `SELECT number FROM points WHERE collection = ? ORDER BY number LIMIT ?`
        database.prepare(`DELETE FROM metadata WHERE point IN (${numbers})`).run(dropped.collection, limit)
        database.prepare(`DELETE FROM metadata_values WHERE point IN (${numbers})`).run(dropped.collection, limit)
        database.prepare(`DELETE FROM caption_words WHERE rowid IN (${numbers})`).run(dropped.collection, limit)
        const { changes } = database
          .prepare(`DELETE FROM points WHERE number IN (${numbers})`)
          .run(dropped.collection, limit)
        if (changes === 0) {
          database.prepare('DELETE FROM removals WHERE collection = ?').run(dropped.collection)
          database.prepare('DELETE FROM dropped WHERE collection = ?').run(dropped.collection)
        }
        return true
      })
    },
    /** The collections that exist, by number. */
    numbers: (): ReadonlySet<number> => new Set(list.all().map(({ number }) => number)),
    serving: (): string | null => setting.get('serving')?.value ?? null,
    serve(generation: string): void {
      collection(generation, 'images')
      setSetting.run('serving', generation)
    },
    graph: (collectionNumber: number): GraphRecord | null => graph.get(collectionNumber) ?? null,
    setGraph: (collectionNumber: number, { covers, bytes, sha256 }: GraphRecord): void =>
      void setGraph.run(collectionNumber, covers, bytes, sha256),
  }
}

export type CollectionRecords = ReturnType<typeof createCollectionRecords>
