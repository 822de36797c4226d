import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Role } from '../../src/config.ts'

const program = resolve(import.meta.dirname, '../../dist/cli.js')

/** Until a role says where it listens, in milliseconds. */
const LONGEST_START = 120_000

export type RoleProgram = {
  readonly role: Role
  readonly pid: number
  readonly address: string
  readonly hasEnded: () => boolean
}

/** The built program, one process a role, with the same settings but a data folder each. */
export type RolePrograms = {
  start(role: Role): Promise<RoleProgram>
  /** Runs a command to its end; throws with what it said where it fails. */
  run(...words: readonly string[]): Promise<string>
  /** Ends all that run; others may be started after them. */
  stop(): Promise<void>
}

export function createRolePrograms(
  folder: string,
  settings: Readonly<Record<string, string | number | undefined>>,
): RolePrograms {
  if (!existsSync(program)) throw new Error('The program is not built; run `npm run build` first.')
  const given = Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  const running = new Set<ChildProcess>()
  let processes = 0

  /** Settings of whoever measures must not reach the program. */
  const start = async (words: readonly string[]) => {
    const data = join(folder, `data-${processes++}`)
    await mkdir(data, { recursive: true })
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', PORT: '0', DATA_DIR: data }
    const child = spawn(process.execPath, [program, ...words], {
      env: { ...env, ...(Object.fromEntries(given) as Record<string, string>) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
    running.add(child)
    const closed = once(child, 'close').then(() => running.delete(child))
    return { child, output, closed }
  }

  return {
    async start(role) {
      const { child, output, closed } = await start(['serve', '--roles', role, '--json'])
      const patience = AbortSignal.timeout(LONGEST_START)
      while (!output.stdout.includes('}')) {
        await Promise.race([once(child.stdout, 'data', { signal: patience }), closed])
        if (child.exitCode !== null) throw new Error(`serve --roles ${role} ended:\n${output.stderr}`)
      }
      const { address } = JSON.parse(output.stdout) as { address: string }
      return { role, pid: child.pid ?? -1, address, hasEnded: () => !running.has(child) }
    },
    async run(...words) {
      const { child, output, closed } = await start(words)
      await closed
      if (child.exitCode !== 0) throw new Error(`pairstream ${words.join(' ')} failed:\n${output.stderr}`)
      return output.stdout
    },
    async stop() {
      for (const child of running) child.kill('SIGTERM')
      const patience = AbortSignal.timeout(15_000)
      while (running.size > 0 && !patience.aborted) await delay(50)
      for (const child of running) child.kill('SIGKILL')
    },
  }
}
