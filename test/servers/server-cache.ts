import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Where servers are kept once they were downloaded; `PAIRSTREAM_SERVERS` names another folder. */
const cache = (): string => process.env['PAIRSTREAM_SERVERS'] ?? join(homedir(), '.cache', 'pairstream-servers')

/** The folder of a server, installed by `install` the first time; one that was interrupted begins anew. */
export async function installed(name: string, install: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cache(), name)
  if (existsSync(folder)) return folder
  const making = join(cache(), `.${name}.${process.pid}`)
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { recursive: true })
  await install(making)
  await rename(making, folder)
  return folder
}

const runFile = promisify(execFile)

/** Runs a program to its end; where it fails, the error has what it printed. */
export async function runProgram(
  command: string,
  values: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const env = { ...process.env, ...options.env }
  const { stdout } = await runFile(command, values, { ...options, env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}
