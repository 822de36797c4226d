import { open, readFile, realpath, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { fileDigests } from './file-digests.ts'
import { isSafePath } from './safe-path.ts'

/** In the folder of every model that was pulled, and written last: a folder without it is no model. */
export const LOCK_FILE = 'pairstream-model.json'

const schema = z.object({
  format: z.literal(1),
  repository: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  licence: z.string().nullable(),
  files: z
    .array(
      z.object({
        path: z.string().refine(isSafePath),
        bytes: z.number().int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
})

/** What a folder holds, and where it came from. */
export type ModelLock = z.infer<typeof schema>
export type LockedFile = ModelLock['files'][number]

async function readLock(folder: string): Promise<ModelLock> {
  try {
    const bytes = await readFile(join(folder, LOCK_FILE))
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw damaged(folder, LOCK_FILE, cause)
  }
}

/** Writes the lock in one step; what it names must be on the disk already. */
export async function writeLock(folder: string, lock: ModelLock): Promise<void> {
  const files = [...lock.files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const unfinished = join(folder, `${LOCK_FILE}.part`)
  const handle = await open(unfinished, 'w')
  try {
    await handle.writeFile(`${JSON.stringify({ ...lock, files }, null, 1)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(unfinished, join(folder, LOCK_FILE))
}

/**
 * The lock of a folder once every file that it names was read and compared; null where there is no folder. Throws `model-corrupt` for a
 * file that is missing, that differs, or that is reached through a link.
 */
export async function readVerifiedLock(folder: string, commit: string, signal: AbortSignal): Promise<ModelLock | null> {
  const root = await realpath(folder).catch(() => null)
  if (root === null) return null
  const lock = await readLock(root)
  if (lock.commit !== commit) throw damaged(folder, LOCK_FILE)
  for (const { path, bytes, sha256 } of lock.files) {
    const place = join(root, path)
    const isPlain = (await realpath(place).catch(() => null)) === place
    const digests = isPlain ? await fileDigests(place, signal) : null
    if (digests?.bytes !== bytes || digests.sha256 !== sha256) throw damaged(folder, path)
  }
  return lock
}

const damaged = (folder: string, path: string, cause?: unknown): AppError =>
  new AppError('model-corrupt', `${path} is not what was pulled; delete ${folder} and pull the model again.`, { cause })

/** One number for all files of a pull, so that a later one can be held to it. 64 hexadecimal digits. */
export function digestOf(files: readonly LockedFile[]): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).sort()
  return sha256Hex(lines.join(''))
}
