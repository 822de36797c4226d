import { accessSync, constants } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY = '/dev/shm'

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * A new folder, in memory where there is such a file system: what a killed process has written is there either way, and without
 * waiting for a disk a life of a second holds ten times as much. Surviving power loss is the matter of the drivers' own tests.
 */
export const crashFolder = (): Promise<string> =>
  mkdtemp(join(isWritable(MEMORY) ? MEMORY : tmpdir(), 'pairstream-crash-'))
