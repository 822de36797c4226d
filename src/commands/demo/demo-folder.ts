import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { lockFolder } from '../../sqlite/folder-lock.ts'

const LOCK_FILE = 'lock.db'
const MARKER_FILE = 'demo.json'
const MADE_BY = 'pairstream demo'

/** What a data folder has beside its lock; everything else in it is somebody's own and stays. */
const parts: ReadonlySet<string> = new Set(
  ['catalogue.db', 'log.db']
    .flatMap((database) => [database, `${database}-wal`, `${database}-shm`])
    .concat('backbone', 'blobs', 'features', 'index', 'models', 'tracking', 'training', 'tune'),
)

/**
 * Makes a data folder for a demo, or empties that of an earlier one, which it knows by the marker file: what a person published is
 * never removed. Throws `configuration-invalid` for a folder that holds something and was not made by a demo, and
 * `data-folder-locked` for one that a process still works on.
 */
export async function prepareDemoFolder(folder: string): Promise<void> {
  const names = await namesIn(folder)
  if (names.length === 0) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, MARKER_FILE), marker())
    return
  }
  if (!(await wasMadeByDemo(folder))) {
    throw new AppError(
      'configuration-invalid',
      `${folder} holds something that no demo made, and a demo empties its folder; name a new one by --data, or empty it first if nothing in it is needed.`,
    )
  }
  const lock = lockFolder(join(folder, LOCK_FILE))
  try {
    for (const name of names) if (parts.has(name)) await rm(join(folder, name), { recursive: true })
  } finally {
    lock.release()
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    if (code !== 'ENOTDIR') throw error
    throw new AppError('configuration-invalid', `${folder} is a file; name a folder by --data.`)
  }
}

async function wasMadeByDemo(folder: string): Promise<boolean> {
  try {
    const content = JSON.parse(await readFile(join(folder, MARKER_FILE), 'utf8')) as { madeBy?: unknown } | null
    return content?.madeBy === MADE_BY
  } catch {
    return false
  }
}

const marker = (): string =>
  `${JSON.stringify({ madeBy: MADE_BY, note: 'The next demo empties this folder. Remove this file to keep what is in it.' }, null, 2)}\n`
