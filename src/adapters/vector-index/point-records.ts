import { AppError } from '../../core/errors.ts'
import { vectorBytes, vectorFromBytes } from '../../core/vector.ts'
import type { Payload, Point, Removal } from '../../ports/vector-index.ts'
import type { Database } from '../../sqlite/database.ts'
import { createCaptionWords } from './caption-words.ts'
import { nextPosition, type Collection } from './collection-records.ts'
import { createMetadataValues } from './metadata-values.ts'

/** What a write did to the vectors of a collection, in order. Changes of payloads alone are none. */
export type VectorChange =
  | { readonly type: 'added'; readonly number: number; readonly id: string; readonly vector: Float32Array }
  | { readonly type: 'removed'; readonly number: number }

/** `position` is that of the collection after the changes. */
export type Written = { readonly changes: readonly VectorChange[]; readonly position: number }

type Row = { number: number; id: string; payload: string; vector: Uint8Array }

/** Points that were written before offsets were kept have none. */
const payloadOf = (text: string): Payload => ({ offset: -1, ...(JSON.parse(text) as Omit<Payload, 'offset'>) })

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** The points of all collections: the truth that graphs and vector tables are made from. */
export function createPointRecords(database: Database) {
  const words = createCaptionWords(database)
  const comparable = createMetadataValues(database)
  const find = database.prepare<Row>('SELECT number, id, payload, vector FROM points WHERE collection = ? AND id = ?')
  const insert = database.prepare('INSERT INTO points VALUES (?, ?, ?, ?, ?, ?)')
  const setPayload = database.prepare('UPDATE points SET split = ?, payload = ? WHERE number = ?')
  const erase = database.prepare('DELETE FROM points WHERE number = ?')
  const setPosition = database.prepare('UPDATE collections SET position = ? WHERE number = ?')
  const addMetadata = database.prepare('INSERT INTO metadata VALUES (?, ?, ?, ?)')
  const eraseMetadata = database.prepare('DELETE FROM metadata WHERE point = ?')
  const addRemoval = database.prepare('INSERT INTO removals VALUES (?, ?, ?)')
  const added = database.prepare<Row>(
    'SELECT number, id, vector FROM points WHERE collection = ? AND number > ? ORDER BY number LIMIT ?',
  )
  const removed = database.prepare<{ point: number }>(
    'SELECT point FROM removals WHERE collection = ? AND position > ?',
  )
  const ids = database.prepare<{ id: string }>(
    'SELECT id FROM points WHERE collection = ? AND id > ? ORDER BY id LIMIT ?',
  )
  const byIds = database.prepare<Row>(
    `SELECT number, id, payload, vector FROM points
     WHERE collection = ? AND id IN (SELECT value FROM json_each(?))`,
  )
  const payloadsByIds = database.prepare<{ id: string; payload: string }>(
    'SELECT id, payload FROM points WHERE collection = ? AND id IN (SELECT value FROM json_each(?))',
  )
  const payloads = database.prepare<{ number: number; payload: string }>(
    'SELECT number, payload FROM points WHERE number IN (SELECT value FROM json_each(?))',
  )

  const writeMetadata = (collection: Collection, number: number, payload: Payload): void => {
    for (const [name, value] of Object.entries(payload.metadata)) {
      addMetadata.run(collection.number, name, value, number)
      comparable.add(collection, number, name, value)
    }
  }

  const removeMetadata = (number: number): void => {
    eraseMetadata.run(number)
    comparable.remove(number)
  }

  const removeRow = (collection: Collection, number: number): VectorChange => {
    erase.run(number)
    removeMetadata(number)
    words.remove(collection, number)
    addRemoval.run(nextPosition(database), collection.number, number)
    return { type: 'removed', number }
  }

  const upsertPoint = (collection: Collection, { id, vector, payload }: Point): VectorChange[] => {
    const text = JSON.stringify(payload)
    const bytes = vectorBytes(vector)
    const existing = find.get(collection.number, id)
    if (existing !== undefined && sameBytes(existing.vector, bytes)) {
      if (existing.payload === text) return []
      setPayload.run(payload.split, text, existing.number)
      removeMetadata(existing.number)
      writeMetadata(collection, existing.number, payload)
      words.remove(collection, existing.number)
      words.add(collection, existing.number, payload)
      return []
    }
    const changes = existing === undefined ? [] : [removeRow(collection, existing.number)]
    const number = nextPosition(database)
    insert.run(number, collection.number, id, payload.split, text, bytes)
    writeMetadata(collection, number, payload)
    words.add(collection, number, payload)
    return [...changes, { type: 'added', number, id, vector }]
  }

  const write = (collection: Collection, body: () => VectorChange[]): Written =>
    database.transaction(() => {
      const changes = body()
      if (changes.length === 0) return { changes, position: collection.position }
      const position = nextPosition(database)
      const { changes: found } = setPosition.run(position, collection.number)
      if (found === 0) throw new AppError('generation-not-found', `Generation ${collection.generation} was dropped.`)
      return { changes, position }
    })

  return {
    upsert: (collection: Collection, points: readonly Point[]): Written =>
      write(collection, () => points.flatMap((point) => upsertPoint(collection, point))),
    remove: (collection: Collection, removals: readonly Removal[]): Written =>
      write(collection, () =>
        removals.flatMap(({ id, upTo }) => {
          const existing = find.get(collection.number, id)
          if (existing === undefined || payloadOf(existing.payload).offset > upTo) return []
          return [removeRow(collection, existing.number)]
        }),
      ),
    /** Points with a number above `after`, lowest first: a page of a walk over the collection. */
    addedAfter: (collection: Collection, after: number, limit: number): VectorChange[] =>
      added
        .all(collection.number, after, limit)
        .map(({ number, id, vector }) => ({ type: 'added', number, id, vector: vectorFromBytes(vector) })),
    removedAfter: (collection: Collection, position: number): number[] =>
      removed.all(collection.number, position).map(({ point }) => point),
    idsAfter: (collection: Collection, after: string, limit: number): string[] =>
      ids.all(collection.number, after, limit).map(({ id }) => id),
    points: (collection: Collection, pointIds: readonly string[]): Point[] =>
      byIds.all(collection.number, JSON.stringify(pointIds)).map(({ id, vector, payload }) => ({
        id,
        vector: vectorFromBytes(vector),
        payload: payloadOf(payload),
      })),
    /** The page of caption points that hold any of the words, best first by BM25, ties by id. */
    withWords: words.rank,
    /** The payloads of the points that still exist, by number. */
    payloads: (numbers: readonly number[]): Map<number, Payload> =>
      new Map(
        payloads.all(JSON.stringify(numbers)).map(({ number, payload }) => [number, payloadOf(payload)] as const),
      ),
    payloadsOf: (collection: Collection, pointIds: readonly string[]): ReadonlyMap<string, Payload> =>
      new Map(
        payloadsByIds
          .all(collection.number, JSON.stringify(pointIds))
          .map(({ id, payload }) => [id, payloadOf(payload)] as const),
      ),
  }
}

export type PointRecords = ReturnType<typeof createPointRecords>
