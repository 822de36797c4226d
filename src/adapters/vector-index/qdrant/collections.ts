import type { Schemas } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'
import { pointKinds, type GenerationInfo, type PointKind } from '../../../ports/vector-index.ts'
import type { QdrantConnection } from './connection.ts'
import { statusOf } from './failures.ts'
import type { QdrantNames } from './names.ts'
import type { QdrantSettings } from './settings.ts'
import { WORDS, wordVectors } from './words.ts'

/** What every collection has an index of from the start: `split` for filters; `offset` for removals, which a server in strict mode refuses without. */
const payloadIndexes = {
  split: { type: 'keyword' },
  offset: { type: 'integer', lookup: false, range: true },
} as const satisfies Readonly<Record<string, Schemas['PayloadSchemaParams']>>

function creation(kind: PointKind, dimension: number, { quantisation, indexing }: QdrantSettings) {
  return {
    vectors: { size: dimension, distance: 'Cosine' },
    ...(kind === 'captions' ? { sparse_vectors: wordVectors } : {}),
    hnsw_config: { m: indexing.connectivity, ef_construct: indexing.expansionAdd },
    ...(indexing.graphAboveKilobytes === null
      ? {}
      : { optimizers_config: { indexing_threshold: indexing.graphAboveKilobytes } }),
    ...(quantisation === 'none'
      ? {}
      : { quantization_config: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } } }),
  } as const satisfies Schemas['CreateCollection']
}

/** The dimension of a collection with one unnamed vector a point; null for any other. */
function dimensionIn(info: Schemas['CollectionInfo']): number | null {
  const vectors = info.config.params.vectors
  return typeof vectors?.size === 'number' ? vectors.size : null
}

const hasWords = (info: Schemas['CollectionInfo']): boolean =>
  info.config.params.sparse_vectors?.[WORDS]?.modifier === 'idf'

/** The collections of all generations. */
export function createQdrantCollections(connection: QdrantConnection, names: QdrantNames, settings: QdrantSettings) {
  /** Dimensions as they were seen last: another process may have made the generation anew with another. */
  const seen = new Map<string, number>()

  const infoOf = (generation: string, kind: PointKind): Promise<Schemas['CollectionInfo']> =>
    connection.read((client) => client.getCollection(names.collection(generation, kind)), generation)

  const ifFound = async <T>(work: Promise<T>): Promise<T | null> => {
    try {
      return await work
    } catch (error) {
      if (error instanceof AppError && error.code === 'generation-not-found') return null
      throw error
    }
  }

  const make = async (generation: string, kind: PointKind, dimension: number): Promise<void> => {
    const name = names.collection(generation, kind)
    await connection.write(async (client) => {
      try {
        await client.createCollection(name, creation(kind, dimension, settings))
      } catch (error) {
        // Another process was first.
        if (statusOf(error) !== 409) throw error
      }
    }, generation)
  }

  const refuseOther = (
    generation: string,
    kind: PointKind,
    info: Schemas['CollectionInfo'],
    dimension: number,
  ): void => {
    const existing = dimensionIn(info)
    if (existing !== dimension) {
      throw new AppError(
        'invalid-vector',
        `Generation ${generation} exists with ${existing ?? 'other'} dimensions, not ${dimension}; drop it first.`,
      )
    }
    if (kind === 'captions' && !hasWords(info)) {
      throw new AppError(
        'invalid-vector',
        `Generation ${generation} was made without the words of its captions; drop it first, or build another by "pairstream reindex".`,
      )
    }
  }

  const ensureIndexes = async (generation: string, kind: PointKind, info: Schemas['CollectionInfo']): Promise<void> => {
    for (const [field_name, field_schema] of Object.entries(payloadIndexes)) {
      if (info.payload_schema[field_name] !== undefined) continue
      await connection.write(
        (client) =>
          client.createPayloadIndex(names.collection(generation, kind), { field_name, field_schema, wait: true }),
        generation,
      )
    }
  }

  const readDimension = async (generation: string, kind: PointKind): Promise<number> => {
    const dimension = dimensionIn(await infoOf(generation, kind))
    if (dimension === null) {
      throw new AppError('generation-not-found', `The collections of generation ${generation} are not ours.`)
    }
    seen.set(names.collection(generation, kind), dimension)
    return dimension
  }

  const count = async (generation: string, kind: PointKind): Promise<number> =>
    (await connection.read((client) => client.count(names.collection(generation, kind), { exact: true }), generation))
      .count

  /** Null for a kind whose collection is gone or not there yet: creating and dropping take several requests. */
  const countAndDimension = (generation: string, kind: PointKind) =>
    ifFound(
      (async () => ({ dimension: await readDimension(generation, kind), count: await count(generation, kind) }))(),
    )

  return {
    /** Makes what is missing of both collections and their indexes. Two processes may do it at once. */
    async create(generation: string, dimension: number): Promise<void> {
      const existing = await Promise.all(pointKinds.map((kind) => ifFound(infoOf(generation, kind))))
      for (const [i, kind] of pointKinds.entries()) {
        const info = existing[i]
        if (info) refuseOther(generation, kind, info, dimension)
      }
      for (const [i, kind] of pointKinds.entries()) {
        if (!existing[i]) await make(generation, kind, dimension)
        const info = existing[i] ?? (await infoOf(generation, kind))
        refuseOther(generation, kind, info, dimension)
        await ensureIndexes(generation, kind, info)
      }
    },
    /** Runs a check against the generation's dimension; one that fails runs again against what the server says now. */
    async checked<T>(generation: string, kind: PointKind, check: (dimension: number) => T): Promise<T> {
      const known = seen.get(names.collection(generation, kind))
      if (known !== undefined) {
        try {
          return check(known)
        } catch {
          seen.delete(names.collection(generation, kind))
        }
      }
      return check(await readDimension(generation, kind))
    },
    count,
    /** Makes the indexes that a collection lacks, one that was made by an earlier version, and waits until they are there. */
    async demandIndexes(generation: string, kind: PointKind): Promise<void> {
      await ensureIndexes(generation, kind, await infoOf(generation, kind))
    },
    /** Throws `generation-not-found` unless both collections are there. */
    async require(generation: string): Promise<void> {
      await Promise.all(pointKinds.map((kind) => readDimension(generation, kind)))
    },
    async generations(): Promise<GenerationInfo[]> {
      const { collections } = await connection.read((client) => client.getCollections())
      const found = new Set(collections.flatMap(({ name }) => names.parsed(name)?.generation ?? []))
      const infos = await Promise.all(
        [...found].sort().map(async (generation) => {
          const images = await countAndDimension(generation, 'images')
          const captions = await countAndDimension(generation, 'captions')
          const dimension = images?.dimension ?? captions?.dimension
          if (dimension === undefined) return []
          return [{ generation, dimension, counts: { images: images?.count ?? 0, captions: captions?.count ?? 0 } }]
        }),
      )
      return infos.flat()
    },
    /** Does nothing where it does not exist. Its alias goes with it, its snapshots do not. */
    async remove(generation: string, kind: PointKind): Promise<void> {
      seen.delete(names.collection(generation, kind))
      await ifFound(
        connection.write((client) => client.deleteCollection(names.collection(generation, kind)), generation),
      )
    },
  }
}

export type QdrantCollections = ReturnType<typeof createQdrantCollections>
