import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../../config.ts'
import { AppError } from '../../core/errors.ts'
import { lockFolder } from '../../sqlite/folder-lock.ts'
import { lockHolder } from '../../sqlite/lock-holder.ts'
import { fact, problem, warning, type Check, type Finding } from './check.ts'

const LEAST_NODE = [20, 19] as const
const GIGABYTE = 1_000_000_000
/** Below the first, writes will soon fail; below the second, a training may. */
const SCARCE_BYTES = 0.2 * GIGABYTE
const ROOMY_BYTES = 2 * GIGABYTE

/** What can be asked before anything is opened. */
export const surroundingChecks = (config: Config): readonly Check[] => [
  nodeCheck,
  dataFolderCheck(config),
  lockCheck(config),
]

export const nodeCheck: Check = {
  name: 'Node.js',
  async run() {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const [leastMajor, leastMinor] = LEAST_NODE
    const isEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor)
    const text = `version ${process.versions.node}`
    return [isEnough ? fact(text) : problem(text, `Install Node.js ${LEAST_NODE.join('.')} or newer.`)]
  },
}

const dataFolderCheck = ({ DATA_DIR }: Config): Check => ({
  name: 'data folder',
  async run() {
    const { path, exists, isFolder } = await nearestFolder(resolve(DATA_DIR))
    if (!isFolder) return [problem(`${path} is a file, where a folder is needed`, 'Set DATA_DIR to a folder.')]
    try {
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch {
      return [problem(`${path} may not be written to`, 'Give this user the folder, or set DATA_DIR to another.')]
    }
    const { bavail, bsize } = await statfs(path)
    return [...(exists ? [] : [fact(`${DATA_DIR} is not there yet and can be made`)]), room(bavail * bsize, DATA_DIR)]
  },
})

function room(bytes: number, folder: string): Finding {
  const text = `${(bytes / GIGABYTE).toFixed(1)} GB are free for ${folder}`
  const fix = 'Free some space, or set DATA_DIR to a folder on another disk.'
  if (bytes < SCARCE_BYTES) return problem(text, fix)
  return bytes < ROOMY_BYTES ? warning(text, fix) : fact(text)
}

/** What lies at the path of the folder, or nearest above it. */
async function nearestFolder(
  folder: string,
): Promise<{ readonly path: string; readonly exists: boolean; readonly isFolder: boolean }> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await stat(path).catch(() => null)
    if (found !== null || path === dirname(path))
      return { path, exists: path === folder, isFolder: found?.isDirectory() === true }
  }
}

/** Who works on the folder. That somebody does is as it should be. */
const lockCheck = ({ lockPath }: Config): Check => ({
  name: 'lock',
  async run() {
    if ((await stat(lockPath).catch(() => null)) === null) return [fact('nobody has worked on the folder yet')]
    try {
      lockFolder(lockPath).release()
      return [fact('nobody works on the folder')]
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'data-folder-locked') throw error
    }
    const holder = await lockHolder(lockPath)
    return [fact(holder === null ? 'another process works on the folder' : `process ${holder} works on the folder`)]
  },
})
