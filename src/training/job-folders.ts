import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { CHECKPOINT_FILE, STORED_CHECKPOINT_FILE } from './checkpoint.ts'
import { forgetPairs, mayHold, type RowBytes } from './forget-pairs.ts'
import { OUTCOME_FILE, readOutcome, type OutcomeSources } from './job-outcome.ts'
import { toStorageFull } from './storage-full.ts'
import type { StoredCheckpoint, StoredCheckpoints } from './stored-checkpoints.ts'

export type JobFolder = {
  readonly path: string
  /** Says that the data are written as a whole, and how long their rows are, so that pairs can be taken out of them. */
  written(rowBytes: RowBytes): void
  readonly checkpoint: StoredCheckpoint
}

/**
 * The folders of trainings, each named after its model version: captions and features until the request is answered, the checkpoint
 * beside them. What is erased is taken out of the data of a training that goes on; where nobody trains, all data go, as the next
 * attempt writes them anew. The checkpoints stay, here and in the blob store: they hold no data, and one of other data is passed over.
 * Of a training that has its outcome that alone is left. With the answer everything goes.
 */
export type JobFolders = {
  /** Works in the folder of a model version; others leave it in place until that ends. */
  hold<T>(modelVersion: string, work: (folder: JobFolder) => Promise<T>): Promise<T>
  /** Takes pairs out of all folders; false while one is being written that may get them, so that somebody has to ask again. */
  forget(isGone: (pairId: string) => boolean): Promise<boolean>
  remove(modelVersion: string): Promise<void>
  /** Removes the folders and stored checkpoints whose request is answered, in whatever way and by whomever. */
  removeAnswered(catalogue: Pick<Catalogue, 'model'>): Promise<void>
}

/** A folder that this process works in; without `rowBytes` its data are still being written. */
type Held = { rowBytes: RowBytes | null }

export function createJobFolders(folder: string, checkpoints: StoredCheckpoints, sources: OutcomeSources): JobFolders {
  const held = new Map<string, Held>()
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
  const pathOf = (modelVersion: string): string => join(folder, modelVersion)
  const remove = async (modelVersion: string): Promise<void> => {
    await rm(pathOf(modelVersion), { recursive: true, force: true })
    await checkpoints.remove(modelVersion)
  }

  const forgetIn = async (modelVersion: string, isGone: (pairId: string) => boolean): Promise<boolean> => {
    const path = pathOf(modelVersion)
    if ((await readOutcome(path, sources)) !== null) {
      await keepOnly(path, [OUTCOME_FILE])
      return true
    }
    const holder = held.get(modelVersion)
    if (holder?.rowBytes === null) return false
    if (!(await mayHold(path, isGone))) return true
    if (holder === undefined) await keepOnly(path, [CHECKPOINT_FILE, STORED_CHECKPOINT_FILE])
    else await forgetPairs(path, isGone, holder.rowBytes).catch(toStorageFull)
    return true
  }

  return {
    async hold(modelVersion, work) {
      const state: Held = { rowBytes: null }
      await inTurn(async () => void held.set(modelVersion, state))
      try {
        const path = pathOf(modelVersion)
        const checkpoint = checkpoints.of(modelVersion, path)
        return await work({ path, checkpoint, written: (rowBytes) => void (state.rowBytes = rowBytes) })
      } finally {
        held.delete(modelVersion)
      }
    },
    forget: (isGone) =>
      inTurn(async () => {
        let complete = true
        for (const name of await names(folder)) complete = (await forgetIn(name, isGone)) && complete
        return complete
      }),
    remove: (modelVersion) => inTurn(() => remove(modelVersion)),
    removeAnswered: (catalogue) =>
      inTurn(async () => {
        for (const name of new Set([...(await names(folder)), ...(await checkpoints.names())])) {
          if (!held.has(name) && catalogue.model(name) !== null) await remove(name)
        }
      }),
  }
}

async function keepOnly(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

async function names(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}
