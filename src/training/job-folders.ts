import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import { forgetPairs, mayHold } from './forget-pairs.ts'
import { reduceToOutcome } from './job-outcome.ts'
import type { StoredCheckpoint, StoredCheckpoints } from './stored-checkpoints.ts'

export type JobFolder = {
  readonly path: string
  /** Says that the data are written as a whole, `rowBytes` of features an image, so that pairs can be taken out of them. */
  written(rowBytes: number): void
  readonly checkpoint: StoredCheckpoint
}

/**
 * The folders of trainings, each named after its model version: captions and features until the request is answered, the checkpoint
 * beside them. What is erased is taken out of the data of a training that goes on, and a folder that nobody trains in goes as a
 * whole: the next attempt writes its data anew, and a checkpoint of other data is of no use. Of a training that has its outcome that
 * alone is left. What is stored of a checkpoint goes with the folder.
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
type Held = { rowBytes: number | null }

export function createJobFolders(folder: string, checkpoints: StoredCheckpoints): JobFolders {
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
    if (await reduceToOutcome(pathOf(modelVersion))) return true
    const holder = held.get(modelVersion)
    if (holder?.rowBytes === null) return false
    if (!(await mayHold(pathOf(modelVersion), isGone))) return true
    if (holder === undefined) await remove(modelVersion)
    else await forgetPairs(pathOf(modelVersion), isGone, holder.rowBytes).catch(toStorageFull)
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

function toStorageFull(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  throw new AppError('storage-full', 'The disk for trainings is full; free some space and go on.', { cause: error })
}

async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
}
