import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createFileBlobStore } from './adapters/blob-store/files.ts'
import { createSqliteLog } from './adapters/event-log/sqlite.ts'
import { createFileTracking } from './adapters/tracking/files.ts'
import { createEmbeddedIndex } from './adapters/vector-index/embedded.ts'
import type { Catalogue } from './catalogue/catalogue.ts'
import { openCatalogue } from './catalogue/open-catalogue.ts'
import type { Config } from './config.ts'
import { AppError } from './core/errors.ts'
import type { BlobStore } from './ports/blob-store.ts'
import type { EventLog } from './ports/event-log.ts'
import type { Tracking } from './ports/tracking.ts'
import type { VectorIndex } from './ports/vector-index.ts'
import { openDatabase } from './sqlite/database.ts'
import { lockFolder } from './sqlite/folder-lock.ts'

/** The drivers that the configuration names, behind their ports, and the catalogue over them. */
export type Platform = {
  readonly config: Config
  readonly log: EventLog
  readonly blobs: BlobStore
  readonly index: VectorIndex
  readonly tracking: Tracking
  readonly catalogue: Catalogue
  /** Whether this process holds the data folder: only then may it run consumers. */
  readonly holdsFolder: boolean
  /** Whether no other process held the data folder when this one opened it. */
  readonly isAlone: boolean
  readonly clock: () => number
  /** Rejects when something that must not end has ended. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

export type Access =
  /** Takes the data folder, or fails with `data-folder-locked`. */
  | 'own'
  /** Takes it when it is free; beside a process that has it, appends and reads. */
  | 'share'
  /**
   * Only appends. Takes the folder for as long as it needs to know what is there, so that a long publishing keeps nobody from
   * serving; what it knows of others' pairs stays as of then.
   */
  | 'append'

/** Opens the drivers. Only this file knows them by name. */
export async function openPlatform(config: Config, access: Access): Promise<Platform> {
  makeFolder(dirname(config.lockPath))
  const foldedHere = access === 'append' && (await foldOnce(config))
  const lock = access === 'append' ? null : takeFolder(config.lockPath, access)
  const holdsFolder = lock !== null
  if (!holdsFolder && !existsSync(config.cataloguePath)) {
    throw new AppError('not-ready', 'The process that holds the data folder is still starting; try again in a moment.')
  }
  const clock = Date.now
  const log = createSqliteLog({ path: config.logPath, partitions: config.PARTITIONS })
  const blobs = createFileBlobStore({ folder: config.blobFolder })
  const index = createEmbeddedIndex({ folder: config.indexFolder, writable: holdsFolder })
  const tracking = createFileTracking({ folder: config.trackingFolder })
  const database = openDatabase(config.cataloguePath, { readonly: !holdsFolder, rebuildable: true })
  const catalogue = openCatalogue({ database, blobs, readonly: !holdsFolder })
  const follower = holdsFolder ? await catalogue.follow(log) : null
  // Without a process that folds, there is nothing to wait for.
  if (!foldedHere) await catalogue.caughtUp(log)

  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => (fail = reject))
  failed.catch(() => undefined)
  follower?.done.catch(fail)

  return {
    config, log, blobs, index, tracking, catalogue, holdsFolder, isAlone: holdsFolder || foldedHere, clock, failed,
    async close() {
      await follower?.stop().catch(() => undefined)
      await log.close()
      await index.close()
      await tracking.close()
      await blobs.close()
      catalogue.close()
      lock?.release()
    },
  } // prettier-ignore
}

/** Brings the catalogue up to date where nobody else does; whether it did. */
async function foldOnce(config: Config): Promise<boolean> {
  const lock = takeFolder(config.lockPath, 'share')
  if (lock === null) return false
  lock.release()
  const platform = await openPlatform(config, 'share')
  await platform.close()
  return platform.holdsFolder
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    const detail = `The folder that DATA_DIR names cannot be made (${reason}); name one that may be written to.`
    throw new AppError('configuration-invalid', detail, { cause })
  }
}

function takeFolder(path: string, access: Access): { release(): void } | null {
  try {
    return lockFolder(path)
  } catch (error) {
    if (access === 'share' && error instanceof AppError && error.code === 'data-folder-locked') return null
    throw error
  }
}

/** The built search page, where the program was built; null from source without a build. */
export function builtWebFolder(): string | null {
  const folders = [join(import.meta.dirname, 'web'), join(import.meta.dirname, '..', 'dist', 'web')]
  return folders.find((folder) => existsSync(join(folder, 'index.html'))) ?? null
}
