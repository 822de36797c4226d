import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessStopped } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import { CHECKPOINT_FILE, STORED_CHECKPOINT_FILE } from './checkpoint.ts'
import { writeDurably } from './weights-file.ts'

const PREFIX = 'checkpoints/'
/** A training loses at most so many milliseconds, and what it takes to store a checkpoint, where its folder is gone. */
const BETWEEN = 30_000

/** The checkpoint of one training, in its folder and in the blob store. */
export type StoredCheckpoint = {
  /** Brings the stored one into the folder, beside the one there; the training sees for itself which of them fit, and which is later. */
  fetch(): Promise<void>
  /** Stores the one in the folder where that is due, beside whatever goes on. Never throws. */
  keep(): void
  /** Resolves once nothing is being stored; throws `not-ready` once `signal` is raised. */
  settled(signal: AbortSignal): Promise<void>
}

export type StoredCheckpoints = {
  of(modelVersion: string, jobFolder: string): StoredCheckpoint
  /** The model versions that have one. */
  names(): Promise<readonly string[]>
  remove(modelVersion: string): Promise<void>
}

/**
 * Checkpoints in the blob store, from which another process goes on where the one that trained is gone with its folder. Whoever trains
 * a model version trains the same, so any of its checkpoints leads to the same weights, the newest only soonest.
 */
export function createStoredCheckpoints({
  blobs,
  onFailed,
  between = BETWEEN,
}: {
  readonly blobs: BlobStore
  /** Told of each checkpoint that could not be stored; the next is. */
  readonly onFailed: (error: unknown) => void
  /** Milliseconds from one to the next. */
  readonly between?: number
}): StoredCheckpoints {
  const keyOf = (modelVersion: string): string => PREFIX + modelVersion
  return {
    of(modelVersion, jobFolder) {
      const path = join(jobFolder, CHECKPOINT_FILE)
      let stored: number | null = null
      let storedAt = performance.now()
      let storing: Promise<void> | null = null

      const changedAt = async (): Promise<number | null> => (await stat(path).catch(() => null))?.mtimeMs ?? null

      const store = async (): Promise<void> => {
        const changed = await changedAt()
        if (changed === null || changed === stored) return
        await blobs.put(keyOf(modelVersion), await readFile(path))
        stored = changed
      }

      return {
        async fetch() {
          const bytes = await blobs.get(keyOf(modelVersion))
          if (bytes === null) return
          await writeDurably(join(jobFolder, STORED_CHECKPOINT_FILE), [bytes])
          // The one there may be older; only what is saved from now on is later for sure.
          stored = await changedAt()
        },
        keep() {
          if (storing !== null || performance.now() - storedAt < between) return
          storing = store()
            .catch(onFailed)
            .finally(() => {
              storedAt = performance.now()
              storing = null
            })
        },
        settled: (signal) => unlessStopped(storing ?? Promise.resolve(), signal),
      }
    },
    async names() {
      const names: string[] = []
      for await (const { key } of blobs.list(PREFIX)) names.push(key.slice(PREFIX.length))
      return names
    },
    remove: (modelVersion) => blobs.delete(keyOf(modelVersion)),
  }
}
