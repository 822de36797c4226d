import { AppError } from '../core/errors.ts'
import { openDatabase, type Database } from './database.ts'

export type FolderLock = { release(): void }

/**
 * Holds a data folder for this process, or throws `data-folder-locked`. It is a lock of the operating system on a SQLite file,
 * so a process that is killed gives it up at once.
 */
export function lockFolder(path: string): FolderLock {
  let database: Database | undefined
  try {
    database = openDatabase(path, { busyTimeout: 0 })
    // In WAL mode readers and a writer live together; only the rollback journal's exclusive lock keeps everybody out.
    database.exec('PRAGMA journal_mode=DELETE; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if (error instanceof AppError && error.code === 'log-unavailable') {
      const detail = 'Another pairstream works on this data folder; stop it, or set DATA_DIR to another folder.'
      throw new AppError('data-folder-locked', detail, { cause: error })
    }
    throw error
  }
  const held = database
  return { release: () => held.close() }
}
