import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { lockFolder } from '../../sqlite/folder-lock.ts'

const LOCK_FILE = 'lock.db'

/**
 * Empties a data folder of an earlier demo. Throws `configuration-invalid` for a folder that holds something else, and
 * `data-folder-locked` for one that a process still works on.
 */
export async function emptyDataFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  const names = await readdir(folder)
  if (names.length === 0) return
  if (!names.includes(LOCK_FILE)) {
    throw new AppError(
      'configuration-invalid',
      `${folder} holds other things and would be emptied; name another folder by --data.`,
    )
  }
  lockFolder(join(folder, LOCK_FILE)).release()
  await rm(folder, { recursive: true })
}
