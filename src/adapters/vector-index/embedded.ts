import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import { pointKinds, type Hit, type VectorIndex } from '../../ports/vector-index.ts'
import type { Scored } from './best-list.ts'
import { createCollectionRecords } from './collection-records.ts'
import { checkDimension, checkGeneration, checkPage, checkQuery, checkRemovals, checkVector, pointId } from './input.ts'
import { createLoadedCollections } from './loaded-collections.ts'
import { createMatching } from './matching.ts'
import { createPointRecords } from './point-records.ts'
import { openVectorDatabase } from './schema.ts'
import { graphPath } from './searchable-collection.ts'
import { defaultIndexSettings, type IndexSettings } from './settings.ts'

/** Points a transaction writes or deletes: a pause for others every few tens of milliseconds. */
const BATCH = 256
const ID_PAGE = 1_000

export type EmbeddedIndexOptions = {
  readonly folder: string
  /** False in a process that does not hold the lock of the data folder: it writes no file and follows the process that does. */
  readonly writable: boolean
  readonly settings?: Partial<IndexSettings>
  /** A quota in bytes for the database; past it writes fail with `storage-full`. */
  readonly maxBytes?: number
}

export type EmbeddedIndex = VectorIndex & {
  /** Resolves when what was loaded is in its graphs: for measurements, since searches are right without. */
  settled(): Promise<void>
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BATCH) yield items.slice(start, start + BATCH)
}

/**
 * A vector index in `folder`: `vectors.db` holds the points, HNSW graphs beside it are made from them. A read-only index throws
 * `index-unavailable` while there is no database, and on every attempt to write.
 */
export function createEmbeddedIndex({ folder, writable, settings, maxBytes }: EmbeddedIndexOptions): EmbeddedIndex {
  if (writable) mkdirSync(folder, { recursive: true })
  const database = openVectorDatabase(join(folder, 'vectors.db'), writable, maxBytes)
  const collections = createCollectionRecords(database)
  const points = createPointRecords(database)
  const matching = createMatching(database)
  const loaded = createLoadedCollections({
    collections,
    points,
    matching,
    folder,
    writable,
    settings: { ...defaultIndexSettings, ...settings },
  })

  const mayWrite = (): void => {
    if (loaded.isClosed()) throw new AppError('index-unavailable', 'The index is closed.')
    if (!writable) {
      throw new AppError('index-unavailable', 'Another process holds the index; write through it, or stop it first.')
    }
  }

  const sweepDropped = async (): Promise<void> => {
    while (!loaded.isClosed() && collections.sweepDropped(BATCH)) await yieldToOthers()
  }

  const withPayloads = (ranked: readonly Scored[]): Hit[] => {
    const payloads = points.payloads(ranked.map(({ number }) => number))
    return ranked.flatMap(({ id, score, number }) => {
      const payload = payloads.get(number)
      return payload === undefined ? [] : [{ id, score, payload }]
    })
  }

  const removeStrayGraphs = (): void => {
    const known = new Set(
      collections
        .generations()
        .flatMap(({ generation }) => pointKinds.map((kind) => graphPath('', { generation, kind }))),
    )
    for (const name of readdirSync(folder)) {
      if (/\.usearch(\.tmp)?$/.test(name) && !known.has(name)) rmSync(join(folder, name), { force: true })
    }
  }

  if (writable) {
    removeStrayGraphs()
    // What a crash left of a dropped generation; should this fail too, the next start goes on.
    sweepDropped().catch(() => undefined)
  }

  return {
    async create(generation, dimension) {
      mayWrite()
      checkGeneration(generation)
      checkDimension(dimension)
      collections.create(generation, dimension)
    },
    async generations() {
      return collections.generations()
    },
    async upsert(generation, kind, batch) {
      mayWrite()
      const { dimension } = loaded.find(generation, kind)
      const checked = batch.map((point) => {
        checkVector(point.vector, dimension)
        return { ...point, id: pointId(point.id) }
      })
      for (const part of batches(checked)) {
        const { collection, memory } = await loaded.current(generation, kind)
        memory.apply(points.upsert(collection, part))
        await yieldToOthers()
      }
    },
    async remove(generation, kind, removals) {
      mayWrite()
      const checked = checkRemovals(removals)
      for (const part of batches(checked)) {
        const { collection, memory } = await loaded.current(generation, kind)
        memory.apply(points.remove(collection, part))
        await yieldToOthers()
      }
    },
    async search(generation, kind, query) {
      const { limit, offset, filter } = checkQuery(query, loaded.find(generation, kind).dimension)
      const { memory } = await loaded.current(generation, kind)
      const ranked = memory
        .rank({ vector: query.vector, count: offset + limit, filter, exact: query.exact ?? false })
        .slice(offset)
      return withPayloads(ranked)
    },
    async searchWords(generation, query) {
      const page = checkPage(query)
      return withPayloads(points.withWords(loaded.find(generation, 'captions'), { ...page, words: query.words }))
    },
    async points(generation, kind, ids) {
      return points.points(loaded.find(generation, kind), ids.map(pointId))
    },
    async payloads(generation, kind, ids) {
      return points.payloadsOf(loaded.find(generation, kind), ids.map(pointId))
    },
    async *ids(generation, kind) {
      let after = ''
      for (;;) {
        const page = points.idsAfter(loaded.find(generation, kind), after, ID_PAGE)
        yield* page
        const last = page.at(-1)
        if (last === undefined || page.length < ID_PAGE) return
        after = last
        await yieldToOthers()
      }
    },
    async serve(generation) {
      mayWrite()
      collections.serve(generation)
    },
    async serving() {
      return collections.serving()
    },
    async drop(generation) {
      mayWrite()
      for (const number of collections.drop(generation)) await loaded.discard(number)
      for (const kind of pointKinds) await rm(graphPath(folder, { generation, kind }), { force: true })
      await sweepDropped()
    },
    settled: () => loaded.settled(),
    async close() {
      if (loaded.isClosed()) return
      await loaded.close()
      database.close()
    },
  }
}
