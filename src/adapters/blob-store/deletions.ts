import { link, mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { syncFolder } from './durable-file.ts'

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? ''

/**
 * Deletes files below `root` on a condition that no put can slip past. Between looking at a file and deleting it, another
 * process may put a new one; so the file is first moved below `aside`, which takes whichever is there, and looked at then. A
 * reader that finds nothing looks there too, and what a crash left there is given back.
 */
export function createDeletions(root: string, aside: string) {
  let turn: Promise<unknown> = Promise.resolve()

  const giveBack = async (key: string): Promise<void> => {
    const path = join(root, key)
    await mkdir(dirname(path), { recursive: true })
    await link(join(aside, key), path).catch((error: unknown) => {
      // One that was put still later is there: it stays.
      if (codeOf(error) !== 'EEXIST') throw error
    })
    await syncFolder(dirname(path))
    await unlink(join(aside, key))
  }

  const deleteNow = async (key: string, time: number): Promise<boolean> => {
    const moved = join(aside, key)
    await mkdir(dirname(moved), { recursive: true })
    await rename(join(root, key), moved)
    if ((await stat(moved)).mtimeMs > time) {
      await giveBack(key)
      return false
    }
    await unlink(moved)
    await syncFolder(dirname(join(root, key)))
    return true
  }

  return {
    /** Where a file is while its deletion is decided on. */
    pathOf: (key: string): string => join(aside, key),
    /** Deletes the file unless it was last written after `time`, in milliseconds since the epoch; true when it did. One at a time. */
    deleteUnlessPutAfter(key: string, time: number): Promise<boolean> {
      const deleted = turn.then(() => deleteNow(key, time))
      turn = deleted.catch(() => undefined)
      return deleted
    },
    /** Gives back what a process that was killed had moved. */
    async giveBackAll(): Promise<void> {
      for (const entry of await readdir(aside, { recursive: true, withFileTypes: true })) {
        if (entry.isFile()) await giveBack(relative(aside, join(entry.parentPath, entry.name)))
      }
    },
  }
}
