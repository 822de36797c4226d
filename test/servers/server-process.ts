import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export type ServerCommand = {
  readonly name: string
  readonly command: string
  readonly values: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** File that takes what the server prints. */
  readonly logFile: string
  /** Whether it works through processes that it starts itself: signals then go to all of them. */
  readonly hasChildren?: boolean
  /** Whether it answers; a throw is a no. Asked until it does. */
  readonly isReady: () => Promise<boolean>
}

/** A server in a process of its own. */
export type RunningServer = {
  readonly pid: number
  /** Sends a signal and does not wait: `SIGKILL`, `SIGSTOP`, `SIGCONT`. */
  signal(signal: NodeJS.Signals): void
  /** Ends it (SIGTERM, after ten seconds SIGKILL) and waits for that; does nothing when it has ended. */
  stop(): Promise<void>
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
}

const LONGEST_START = 90_000
const LONGEST_STOP = 10_000

/** Starts a server and waits until it answers; throws with the end of what it printed where it does not. */
export async function startServer({
  name,
  command,
  values,
  env,
  cwd,
  logFile,
  hasChildren = false,
  isReady,
}: ServerCommand): Promise<RunningServer> {
  const output = createWriteStream(logFile, { flags: 'a' })
  await once(output, 'open')
  const child = spawn(command, values, {
    stdio: ['ignore', output, output],
    env: { ...process.env, ...env },
    detached: hasChildren, // makes it the leader of a group
    ...(cwd === undefined ? {} : { cwd }),
  })
  const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).then(() => undefined)
  const state = { isOver: false }
  void ended.then(() => (state.isOver = true))
  const isOver = (): boolean => state.isOver

  const signal = (name: NodeJS.Signals): void => {
    if (!hasChildren || child.pid === undefined) child.kill(name)
    else if (!isOver()) process.kill(-child.pid, name)
  }

  const running: RunningServer = {
    pid: child.pid ?? -1,
    signal,
    ended,
    async stop() {
      if (isOver()) return
      signal('SIGCONT')
      signal('SIGTERM')
      const timer = setTimeout(() => signal('SIGKILL'), LONGEST_STOP)
      await ended
      clearTimeout(timer)
      output.end()
    },
  }
  const deadline = performance.now() + LONGEST_START
  while (!(await isReady().catch(() => false))) {
    if (isOver() || performance.now() > deadline) {
      await running.stop()
      const printed = (await readFile(logFile, 'utf8')).split('\n').slice(-20).join('\n')
      throw new Error(`${name} did not start:\n${printed}`)
    }
    await Promise.race([delay(100), ended])
  }
  return running
}

/** A TCP port of the loopback interface that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether a URL answers with a status below 400. */
export const answers = (url: string) => async (): Promise<boolean> =>
  (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok
