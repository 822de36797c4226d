import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

/**
 * Writes and deletes files below `root` so that what has resolved survives a power loss: the file is synced before it gets its
 * name, the folder after. Unfinished files are in `temporary`, a folder below `root`.
 */
export function createDurableFiles(root: string, temporary: string) {
  const folders = new Map<string, Promise<void>>()

  /** A name is durable once its folder is synced; also that of a folder which another process may have made a moment ago. */
  const makeFolder = async (path: string): Promise<void> => {
    const firstMade = await mkdir(path, { recursive: true })
    const highest = firstMade !== undefined && firstMade.length < root.length ? firstMade : root
    for (let each = path; each.length >= highest.length; each = dirname(each)) await syncFolder(dirname(each))
  }

  function ensureFolder(path: string): Promise<void> {
    const known = folders.get(path)
    if (known !== undefined) return known
    const made = makeFolder(path)
    folders.set(path, made)
    made.catch(() => folders.delete(path))
    return made
  }

  return {
    /** Replaces the file at `path` in one step. */
    async write(path: string, bytes: Uint8Array): Promise<void> {
      const unfinished = join(temporary, randomUUID())
      try {
        await Promise.all([ensureFolder(dirname(path)), ensureFolder(temporary)])
        const handle = await open(unfinished, 'wx')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(unfinished, path)
        await syncFolder(dirname(path))
      } catch (error) {
        // Somebody may have deleted a folder that was known to exist: the next attempt makes it again.
        folders.clear()
        await rm(unfinished, { force: true }).catch(() => undefined)
        throw error
      }
    },
    async delete(path: string): Promise<void> {
      await unlink(path)
      await syncFolder(dirname(path))
    },
    /** Deletes unfinished files that were last written before `time`, in milliseconds since the epoch. */
    async deleteUnfinishedBefore(time: number): Promise<void> {
      for (const name of await readdir(temporary)) {
        const path = resolve(temporary, name)
        if ((await stat(path)).mtimeMs < time) await rm(path, { force: true })
      }
    },
  }
}
