import type { Schemas } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'
import { pointKinds, type PointKind } from '../../../ports/vector-index.ts'
import type { QdrantConnection } from './connection.ts'
import { statusOf } from './failures.ts'
import type { QdrantNames } from './names.ts'

/** Snapshots of a collection that stay: that of this release, and the one before where a release was taken back and came again. */
const KEPT = 2

const newestFirst = (a: Schemas['SnapshotDescription'], b: Schemas['SnapshotDescription']): number =>
  (b.creation_time ?? '').localeCompare(a.creation_time ?? '') || b.name.localeCompare(a.name)

/** Snapshots on the server's own storage, a pair of files a release, from which an operator can restore a generation. */
export function createQdrantSnapshots(connection: QdrantConnection, names: QdrantNames) {
  const list = (generation: string, kind: PointKind) =>
    connection.read((client) => client.listSnapshots(names.collection(generation, kind)), generation)

  const collect = async (generation: string, kind: PointKind, kept: number): Promise<void> => {
    const snapshots = (await list(generation, kind)).toSorted(newestFirst)
    for (const { name } of snapshots.slice(kept)) {
      await connection.write(async (client) => {
        try {
          await client.deleteSnapshot(names.collection(generation, kind), name)
        } catch (error) {
          // Another process has collected it.
          if (statusOf(error) !== 404) throw error
        }
      }, generation)
    }
  }

  const take = async (generation: string, kind: PointKind): Promise<void> => {
    // Collected first: should this process end before the new one is there, no more than `KEPT` are left.
    await collect(generation, kind, KEPT - 1)
    await connection.read((client) => client.createSnapshot(names.collection(generation, kind)), generation)
  }

  return {
    /** Takes a snapshot of each collection that has none, or of both where `always`. A large one goes on on the server past the deadline. */
    async takeOf(generation: string, always: boolean): Promise<void> {
      for (const kind of pointKinds) {
        if (always || (await list(generation, kind)).length === 0) await take(generation, kind)
      }
    },
    /** Removes all of a collection: once it is deleted, the server no longer lists them. */
    async removeOf(generation: string, kind: PointKind): Promise<void> {
      try {
        await collect(generation, kind, 0)
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'generation-not-found')) throw error
      }
    },
  }
}

export type QdrantSnapshots = ReturnType<typeof createQdrantSnapshots>
