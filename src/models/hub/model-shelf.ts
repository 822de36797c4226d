import { access, constants, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import { lockFolder, type FolderLock } from '../../sqlite/folder-lock.ts'
import { writeLock, type ModelLock } from './lock-file.ts'
import { isCommit, type ModelName } from './model-name.ts'

/** Where the pulled states of one repository lie: `HUB/owner/name/COMMIT`. */
export type ModelShelf = {
  readonly folderOf: (commit: string) => string
  /** Where a state is being put together; what lies there is kept for the next pull. */
  readonly unfinishedOf: (commit: string) => string
  /** The commit that a revision was when it was last pulled; null where it never was. */
  commitOf(revision: string): Promise<string | null>
  remember(revision: string, commit: string): Promise<void>
  /** Holds the shelf for this process; `onWait` is told where another pull has it. */
  hold(signal: AbortSignal, onWait: () => void): Promise<FolderLock>
  /** Puts an unfinished state in its place, whole or not at all; where one was there before, it gets the files it lacks. */
  place(lock: ModelLock, before: ModelLock | null): Promise<void>
}

const WAIT = 200

export function createModelShelf(hubFolder: string, { repository }: Pick<ModelName, 'repository'>): ModelShelf {
  const shelf = join(hubFolder, ...repository.split('/'))
  const folderOf = (commit: string): string => join(shelf, commit)
  const unfinishedOf = (commit: string): string => join(shelf, `${commit}.unfinished`)
  const noteOf = (revision: string): string => join(shelf, 'revisions', encodeURIComponent(revision))

  return {
    folderOf,
    unfinishedOf,
    async commitOf(revision) {
      if (isCommit(revision)) return revision
      const commit = (await readFile(noteOf(revision), 'utf8').catch(() => '')).trim()
      return isCommit(commit) ? commit : null
    },
    async remember(revision, commit) {
      if (isCommit(revision)) return
      const note = noteOf(revision)
      await mkdir(dirname(note), { recursive: true })
      const unfinished = `${note}.part`
      await writeFile(unfinished, `${commit}\n`)
      await rename(unfinished, note)
    },
    async hold(signal, onWait) {
      await mkdir(shelf, { recursive: true })
      await access(shelf, constants.W_OK)
      for (let tries = 0; ; tries++) {
        signal.throwIfAborted()
        try {
          return lockFolder(join(shelf, 'pull.lock'))
        } catch (error) {
          if (!(error instanceof AppError) || error.code !== 'data-folder-locked') throw error
          if (tries === 0) onWait()
          await pause(WAIT, undefined, { signal })
        }
      }
    },
    async place(lock, before) {
      const [unfinished, folder] = [unfinishedOf(lock.commit), folderOf(lock.commit)]
      const had = new Set(before?.files.map(({ path }) => path))
      const added = lock.files.filter(({ path }) => !had.has(path))
      const target = before === null ? `${folder}.placing` : folder
      if (before === null) await rm(target, { recursive: true, force: true })
      for (const { path } of added) {
        await mkdir(dirname(join(target, path)), { recursive: true })
        await rename(join(unfinished, path), join(target, path))
      }
      for (const path of new Set(added.map((file) => dirname(join(target, file.path))))) await syncFolder(path)
      await writeLock(target, lock)
      await syncFolder(target)
      if (before === null) await rename(target, folder)
      await syncFolder(shelf)
      await rm(unfinished, { recursive: true, force: true })
    },
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}
