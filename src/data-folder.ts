import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from './config.ts'
import { AppError } from './core/errors.ts'
import { lockFolder, type FolderLock } from './sqlite/folder-lock.ts'

/** Makes the data folder where there is none, and holds it for this process. Throws `data-folder-locked` where another has it. */
export function holdFolder({ lockPath }: Config): FolderLock {
  makeFolder(dirname(lockPath))
  return lockFolder(lockPath)
}

/** As `holdFolder`; null where another process has it. */
export function holdFolderIfFree(config: Config): FolderLock | null {
  try {
    return holdFolder(config)
  } catch (error) {
    if (error instanceof AppError && error.code === 'data-folder-locked') return null
    throw error
  }
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
