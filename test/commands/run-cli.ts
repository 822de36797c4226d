import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const root = resolve(import.meta.dirname, '../..')

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

export type RunningCli = {
  /** The next line of standard output; rejects where the program ends first. */
  nextLine(): Promise<string>
  /** Resolves once standard error holds this. */
  said(pattern: RegExp): Promise<void>
  /** Closes the pipe that standard output goes to. */
  stopReading(): void
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

export type Environment = Readonly<Record<string, string>>

/** Settings of whoever runs the tests must not reach the program. */
const bare = (): Record<string, string | undefined> => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  NO_COLOR: '1',
})

/** Starts the command line from source, in a process of its own. */
export function startCli(words: readonly string[], environment: Environment, folder = root): RunningCli {
  const loader = import.meta.resolve('tsx')
  const child = spawn(process.execPath, ['--import', loader, join(root, 'src/cli.ts'), ...words], {
    cwd: folder,
    env: { ...bare(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'close').then(() => ({ status: child.exitCode, stdout, stderr }))
  const endedEarly = (what: string): Promise<never> =>
    ended.then(({ status }) => {
      throw new Error(`the program ended with ${status ?? 'a signal'} before it ${what}: ${stderr}`)
    })
  return {
    ended,
    async said(pattern) {
      while (!pattern.test(stderr)) await Promise.race([once(child.stderr, 'data'), endedEarly('said that')])
    },
    stopReading: () => void child.stdout.destroy(),
    kill: (signal) => void child.kill(signal),
    nextLine: () => Promise.race([once(lines, 'line').then(([line]) => String(line)), endedEarly('printed a line')]),
  }
}

/** Runs the command line to its end. */
export const runCli = (words: readonly string[], environment: Environment, folder?: string): Promise<Ended> =>
  startCli(words, environment, folder).ended
