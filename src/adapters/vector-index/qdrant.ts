import { AppError, toAppError } from '../../core/errors.ts'
import {
  pointKinds,
  type Payload,
  type Point,
  type PointKind,
  type Removal,
  type VectorIndex,
} from '../../ports/vector-index.ts'
import { checkDimension, checkGeneration, checkRemovals, checkVector, pointId } from './input.ts'
import { createQdrantCollections } from './qdrant/collections.ts'
import { connectQdrant, type QdrantAddress } from './qdrant/connection.ts'
import { notApplied } from './qdrant/failures.ts'
import { createMetadataIndexes, removalFilter } from './qdrant/filters.ts'
import { createQdrantNames } from './qdrant/names.ts'
import { createQdrantSearch } from './qdrant/search.ts'
import { defaultQdrantSettings, type QdrantSettings } from './qdrant/settings.ts'
import { createQdrantSnapshots } from './qdrant/snapshots.ts'
import { idOf, payloadOf, pointOf, storedPoint, UNNAMED } from './qdrant/stored-points.ts'

export { checkQdrant } from './qdrant/check.ts'

const ID_PAGE = 1_000
const POINT_PAGE = 500
const MOST_POINTS_A_REQUEST = 256
/** A request of about 4 MB, an eighth of what the server takes by default; a value takes up to 24 characters of JSON. */
const VALUES_A_REQUEST = 4_000_000 / 24

export type QdrantIndexOptions = QdrantAddress &
  Partial<QdrantSettings> & {
    /** Stands before the names of collections and of the alias, where several systems share a server. */
    readonly prefix?: string
    /** Told of a release of which no snapshot could be taken: that keeps nobody from serving it, and is tried again at the next `serve`. */
    readonly onSnapshotFailure?: (error: AppError) => void
  }

function* pages<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

/**
 * A vector index on a Qdrant server, 1.16 or newer: a collection a generation and kind, and one alias for the generation that serves.
 * Asks the server nothing until it is used. Throws `configuration-invalid` for an address, a key or a prefix that cannot be used. Every
 * request ends within `deadline`; a server that is away, too slow or overloaded is `index-unavailable`. REST API:
 * https://api.qdrant.tech.
 */
export async function createQdrantIndex(options: QdrantIndexOptions): Promise<VectorIndex> {
  const settings: QdrantSettings = { ...defaultQdrantSettings, ...options }
  const names = createQdrantNames(options.prefix ?? '')
  const connection = connectQdrant(options, settings.deadline)
  const collections = createQdrantCollections(connection, names, settings)
  const metadataIndexes = createMetadataIndexes(connection)
  const snapshots = createQdrantSnapshots(connection, names)
  const { search, searchWords } = createQdrantSearch({ connection, names, collections, metadataIndexes, settings })

  const serving = async (): Promise<string | null> => {
    const { aliases } = await connection.read((client) => client.getAliases())
    const target = aliases.find(({ alias_name }) => alias_name === names.alias)?.collection_name
    return target === undefined ? null : (names.parsed(target)?.generation ?? null)
  }

  const removePage = async (generation: string, kind: PointKind, removals: readonly Removal[]): Promise<void> => {
    const request = { wait: true, ordering: 'medium' as const, filter: removalFilter(removals) }
    const { status } = await connection.write(
      (client) => client.delete(names.collection(generation, kind), request),
      generation,
    )
    if (status !== 'completed') throw notApplied()
  }

  return {
    async create(generation, dimension) {
      checkGeneration(generation)
      checkDimension(dimension)
      await collections.create(generation, dimension)
    },
    generations: () => collections.generations(),
    async upsert(generation, kind, batch) {
      const collection = names.collection(generation, kind)
      const { dimension, points } = await collections.checked(generation, kind, (dimension) => {
        const points = new Map<string, Point>()
        for (const point of batch) {
          checkVector(point.vector, dimension)
          const id = pointId(point.id)
          points.set(id, { ...point, id })
        }
        return { dimension, points: [...points.values()] }
      })
      const size = Math.max(1, Math.min(MOST_POINTS_A_REQUEST, Math.floor(VALUES_A_REQUEST / dimension)))
      for (const page of pages(points, size)) {
        const request = {
          wait: true,
          ordering: 'medium' as const,
          points: page.map((point) => storedPoint(kind, point)),
        }
        const { status } = await connection.write((client) => client.upsert(collection, request), generation)
        if (status !== 'completed') throw notApplied()
      }
    },
    async remove(generation, kind, removals) {
      for (const page of pages(checkRemovals(removals), MOST_POINTS_A_REQUEST)) {
        await removePage(generation, kind, page).catch(async (error: unknown) => {
          if (toAppError(error).code !== 'filter-invalid') throw error
          await collections.demandIndexes(generation, kind)
          await removePage(generation, kind, page)
        })
      }
    },
    search,
    searchWords,
    async points(generation, kind, ids) {
      const collection = names.collection(generation, kind)
      const found: Point[] = []
      for (const page of pages(ids.map(pointId), POINT_PAGE)) {
        const request = { ids: [...page], with_payload: true, with_vector: [UNNAMED] }
        const records = await connection.read((client) => client.retrieve(collection, request), generation)
        found.push(...records.flatMap((record) => pointOf(record) ?? []))
      }
      return found
    },
    async payloads(generation, kind, ids) {
      const collection = names.collection(generation, kind)
      const found = new Map<string, Payload>()
      for (const page of pages(ids.map(pointId), POINT_PAGE)) {
        const request = { ids: [...page], with_payload: true, with_vector: false }
        for (const record of await connection.read((client) => client.retrieve(collection, request), generation)) {
          const [id, payload] = [idOf(record), payloadOf(record.payload)]
          if (id !== null && payload !== null) found.set(id, payload)
        }
      }
      return found
    },
    async *ids(generation, kind) {
      const collection = names.collection(generation, kind)
      let offset: string | number | undefined
      do {
        const request = {
          limit: ID_PAGE,
          with_payload: false,
          with_vector: false,
          ...(offset === undefined ? {} : { offset }),
        }
        const page = await connection.read((client) => client.scroll(collection, request), generation)
        yield* page.points.flatMap((record) => idOf(record) ?? [])
        const next = page.next_page_offset
        offset = typeof next === 'string' || typeof next === 'number' ? next : undefined
      } while (offset !== undefined)
    },
    async serve(generation) {
      const isSwitched = (await serving()) !== generation
      await collections.require(generation)
      if (isSwitched) {
        const create_alias = { alias_name: names.alias, collection_name: names.collection(generation, 'images') }
        // Alone: it replaces an alias in one step, where deleting and creating in one request is two.
        const actions = [{ create_alias }]
        await connection.write((client) => client.updateCollectionAliases({ actions }), generation)
      }
      try {
        await snapshots.takeOf(generation, isSwitched)
      } catch (error) {
        options.onSnapshotFailure?.(toAppError(error))
      }
    },
    serving,
    async drop(generation) {
      for (const kind of pointKinds) {
        await snapshots.removeOf(generation, kind)
        await collections.remove(generation, kind)
        metadataIndexes.forget(names.collection(generation, kind))
      }
    },
    async close() {
      connection.close()
    },
  }
}
