import type { Schemas } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'
import type { Filter, Removal } from '../../../ports/vector-index.ts'
import type { QdrantConnection } from './connection.ts'
import { metadataPath } from './stored-points.ts'

/** Every index of a field costs memory and time in each segment; past this number filters work without one. */
const MOST_METADATA_INDEXES = 32

/** Whether a condition has no value that it would let through. */
export const letsNothingThrough = ({ splits, metadata }: Filter): boolean =>
  [splits, ...Object.values(metadata ?? {})].some((accepted) => accepted?.length === 0)

/** The port's filter in Qdrant's words. */
export function qdrantFilter({ splits, metadata }: Filter) {
  const conditions = Object.entries(metadata ?? {}).map(([name, accepted]) => ({
    key: metadataPath(name),
    match: { any: [...accepted] },
  }))
  if (splits !== undefined) conditions.push({ key: 'split', match: { any: [...splits] } })
  return { must: conditions } satisfies Schemas['Filter']
}

/**
 * The points that removals are about and that were not written from a later record. Put as what must not be, so that a point without
 * an offset, from before offsets were kept, is among them.
 */
export function removalFilter(removals: readonly Removal[]) {
  const should = removals.map(({ id, upTo }) => ({
    must: [{ has_id: [id] }],
    must_not: [{ key: 'offset', range: { gt: upTo } }],
  }))
  return { should } satisfies Schemas['Filter']
}

/**
 * Has Qdrant index the metadata fields that people filter by. A field is indexed after a filter by it has found something: names
 * that a caller has made up cost nothing. Only a server in strict mode, which refuses filters without an index, gets one before.
 */
export function createMetadataIndexes(connection: QdrantConnection) {
  const settled = new Map<string, Set<string>>()

  const pathsOf = (filter: Filter): string[] => Object.keys(filter.metadata ?? {}).map(metadataPath)

  /** Where `wait` is false the index may come later: until then, filters are as right, only slower. */
  const ensure = async (collection: string, paths: readonly string[], wait: boolean): Promise<void> => {
    const { payload_schema } = await connection.read((client) => client.getCollection(collection))
    let indexed = Object.keys(payload_schema).filter((path) => path.startsWith('metadata.')).length
    for (const field_name of paths) {
      if (payload_schema[field_name] !== undefined || indexed >= MOST_METADATA_INDEXES) continue
      indexed++
      await connection.read((client) =>
        client.createPayloadIndex(collection, { field_name, field_schema: 'keyword', wait }),
      )
    }
  }

  return {
    /** Takes note that a filter has found something. Never fails: an index only makes filters quicker. */
    async used(collection: string, filter: Filter): Promise<void> {
      const done = settled.get(collection) ?? new Set<string>()
      settled.set(collection, done)
      const paths = pathsOf(filter).filter((path) => !done.has(path))
      if (paths.length === 0) return
      for (const path of paths) done.add(path)
      try {
        await ensure(collection, paths, false)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        for (const path of paths) done.delete(path)
      }
    },
    /** Has the fields of a filter indexed, and waits until they are. */
    demand: (collection: string, filter: Filter): Promise<void> => ensure(collection, pathsOf(filter), true),
    /** Forgets a collection that is gone. */
    forget(collection: string): void {
      settled.delete(collection)
    },
  }
}

export type MetadataIndexes = ReturnType<typeof createMetadataIndexes>
