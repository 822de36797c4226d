import type { Schemas } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'
import type { ValueRange } from '../../../core/value-range.ts'
import type { Filter, Removal } from '../../../ports/vector-index.ts'
import type { QdrantConnection } from './connection.ts'
import { metadataGroups, metadataPath, storedDate } from './stored-points.ts'

/** Every index of a field costs memory and time in each segment; past this number filters work without one. */
const MOST_METADATA_INDEXES = 32

/** Whether a condition has no value that it would let through. */
export const letsNothingThrough = ({ splits, metadata }: Filter): boolean =>
  [splits, ...Object.values(metadata ?? {})].some((accepted) => accepted?.length === 0)

function qdrantRange({ of: kind, ...bounds }: ValueRange) {
  if (kind === 'numbers') return bounds satisfies Schemas['Range']
  return Object.fromEntries(
    Object.entries(bounds).map(([name, bound]) => [name, storedDate(bound)]),
  ) satisfies Schemas['DatetimeRange']
}

/** The port's filter in Qdrant's words. */
export function qdrantFilter({ splits, metadata, ranges }: Filter) {
  const conditions: Schemas['FieldCondition'][] = Object.entries(metadata ?? {}).map(([name, accepted]) => ({
    key: metadataPath('metadata', name),
    match: { any: [...accepted] },
  }))
  for (const [name, range] of Object.entries(ranges ?? {})) {
    conditions.push({ key: metadataPath(range.of, name), range: qdrantRange(range) })
  }
  if (splits !== undefined) conditions.push({ key: 'split', match: { any: [...splits] } })
  return { must: conditions } satisfies Schemas['Filter']
}

const schemas = { metadata: 'keyword', numbers: 'float', dates: 'datetime' } as const

type FieldIndex = { readonly path: string; readonly schema: Schemas['PayloadSchemaType'] }

/** The indexes that make a filter quick. */
const indexesFor = ({ metadata, ranges }: Filter): FieldIndex[] => [
  ...Object.keys(metadata ?? {}).map((name) => ({ path: metadataPath('metadata', name), schema: schemas.metadata })),
  ...Object.entries(ranges ?? {}).map(([name, range]) => ({
    path: metadataPath(range.of, name),
    schema: schemas[range.of],
  })),
]

const isOfMetadata = (path: string): boolean => metadataGroups.some((group) => path.startsWith(`${group}.`))

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

  /** Where `wait` is false the index may come later: until then, filters are as right, only slower. */
  const ensure = async (collection: string, indexes: readonly FieldIndex[], wait: boolean): Promise<void> => {
    const { payload_schema } = await connection.read((client) => client.getCollection(collection))
    let indexed = Object.keys(payload_schema).filter(isOfMetadata).length
    for (const { path: field_name, schema: field_schema } of indexes) {
      if (payload_schema[field_name] !== undefined || indexed >= MOST_METADATA_INDEXES) continue
      indexed++
      await connection.read((client) => client.createPayloadIndex(collection, { field_name, field_schema, wait }))
    }
  }

  return {
    /** Takes note that a filter has found something. Never fails: an index only makes filters quicker. */
    async used(collection: string, filter: Filter): Promise<void> {
      const done = settled.get(collection) ?? new Set<string>()
      settled.set(collection, done)
      const indexes = indexesFor(filter).filter(({ path }) => !done.has(path))
      if (indexes.length === 0) return
      for (const { path } of indexes) done.add(path)
      try {
        await ensure(collection, indexes, false)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        for (const { path } of indexes) done.delete(path)
      }
    },
    /** Has the fields of a filter indexed, and waits until they are. */
    demand: (collection: string, filter: Filter): Promise<void> => ensure(collection, indexesFor(filter), true),
    /** Forgets a collection that is gone. */
    forget(collection: string): void {
      settled.delete(collection)
    },
  }
}

export type MetadataIndexes = ReturnType<typeof createMetadataIndexes>
