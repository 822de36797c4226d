import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inject } from 'vitest'
import type { Role } from '../../src/config.ts'
import { dropCollections, qdrantKey } from './index-collections.ts'
import { minioKeys } from './minio.ts'

const program = resolve(import.meta.dirname, '../../dist/cli.js')

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** A process that runs roles. */
export type RoleProcess = {
  readonly pid: number
  /** Where it answers HTTP. */
  readonly address: string
  /** Resolves once `/health/ready` says 200. */
  ready(): Promise<void>
  /** False when there is nobody left to take it. */
  signal(signal: NodeJS.Signals): boolean
  /** Resolves with the exit status, null after a signal. */
  readonly ended: Promise<number | null>
  /** The signal that ended it; null while it runs, and where it ended by itself. */
  readonly endedBy: () => NodeJS.Signals | null
  /** Whether it is gone although nobody here has told it to be. */
  readonly endedByItself: () => boolean
  /** Sends SIGTERM and waits; how long it took, in milliseconds. */
  stop(): Promise<{ readonly status: number | null; readonly milliseconds: number }>
  /** What it has said so far, for whoever asks why a test failed. */
  readonly said: () => string
}

/** A process that may not answer yet. */
export type StartingProcess = Pick<
  RoleProcess,
  'pid' | 'signal' | 'ended' | 'endedBy' | 'endedByItself' | 'stop' | 'said'
> & {
  /** Resolves once it runs its roles; rejects when it ends before that. */
  readonly started: Promise<RoleProcess>
}

export type Environment = Readonly<Record<string, string>>

/** One installation over the servers: its own topics, bucket, model and collections, and a data folder a process. */
export type Installation = {
  readonly environment: Environment
  /** As `start`, but does not wait: who asks for it may be killed while it starts. */
  launch(roles: readonly Role[], settings?: Environment): Promise<StartingProcess>
  start(roles: readonly Role[], settings?: Environment): Promise<RoleProcess>
  run(...words: readonly string[]): Promise<Ended>
  /** Ends what still runs, and removes the folders and the collections. */
  stop(): Promise<void>
}

export type ServerAddresses = ReturnType<typeof inject<'servers'>>

/** An installation whose names nobody else uses, over the servers of all suites or others. Needs the built program. */
export async function createInstallation(
  settings: Environment = {},
  servers: ServerAddresses = inject('servers'),
): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-roles-'))
  // Servers may outlive the tests: nothing of a run before may be taken for this one's.
  const name = `t${randomUUID().slice(0, 13)}`
  const environment: Environment = {
    EVENT_LOG_URL: `kafka://${servers.kafka}`,
    SCHEMA_REGISTRY_URL: servers.registry,
    KAFKA_PREFIX: `${name}.`,
    KAFKA_REPLICATION: '1',
    KAFKA_MIN_IN_SYNC: '1',
    KAFKA_SESSION_SECONDS: '6',
    PARTITIONS: '6',
    INDEX_URL: servers.index,
    ...qdrantKey(),
    QDRANT_PREFIX: `${name}-`,
    BLOB_URL: `s3://${name}`,
    S3_ENDPOINT: servers.minio,
    S3_ACCESS_KEY: minioKeys.accessKeyId,
    S3_SECRET_KEY: minioKeys.secretAccessKey,
    TRACKING_URL: servers.mlflow,
    MLFLOW_NAME: name,
    LOG_LEVEL: 'info',
    PORT: '0',
    ...settings,
  }
  const running = new Set<Pick<RoleProcess, 'signal' | 'ended'>>()
  let processes = 0

  /** Settings of whoever runs the tests must not reach the program. */
  const spawnProgram = async (words: readonly string[], changes: Environment) => {
    const data = join(folder, `data-${processes++}`)
    await mkdir(data)
    const bare = { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' }
    const child = spawn(process.execPath, ['--no-deprecation', program, ...words], {
      cwd: folder,
      env: { ...bare, ...environment, DATA_DIR: data, ...changes },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
    return { child, output, closed: once(child, 'close') }
  }

  const launch: Installation['launch'] = async (roles, changes = {}) => {
    const { child, output, closed } = await spawnProgram(['serve', '--roles', roles.join(','), '--json'], changes)
    let isOver = false
    let isTold = false
    const ended = closed.then(() => {
      isOver = true
      running.delete(launched)
      return child.exitCode
    })
    const said = (): string => `${output.stdout}\n${output.stderr}`
    const answering = async (): Promise<RoleProcess> => {
      while (!output.stdout.includes('}')) {
        await Promise.race([once(child.stdout, 'data'), ended])
        if (isOver) throw new Error(`serve ${roles.join(',')} ended:\n${said()}`)
      }
      const { address } = JSON.parse(output.stdout) as { address: string }
      const isReady = async (): Promise<boolean> => (await fetch(`${address}/health/ready`)).status === 200
      return {
        ...launched,
        address,
        async ready() {
          while (!(await isReady())) await delay(100)
        },
      }
    }
    const launched = {
      pid: child.pid ?? -1,
      ended,
      said,
      endedBy: () => child.signalCode,
      endedByItself: () => isOver && !isTold,
      signal(signal: NodeJS.Signals) {
        // Whoever is gone already was not told.
        if (signal === 'SIGKILL' || signal === 'SIGTERM') isTold ||= !isOver
        return child.kill(signal)
      },
      async stop() {
        isTold ||= !isOver
        const start = performance.now()
        child.kill('SIGCONT')
        child.kill('SIGTERM')
        const status = await ended
        return { status, milliseconds: performance.now() - start }
      },
    }
    running.add(launched)
    const started = answering()
    started.catch(() => undefined) // who needs it running awaits it
    return { ...launched, started }
  }

  return {
    environment,
    launch,
    start: async (roles, changes) => (await launch(roles, changes)).started,
    async run(...words) {
      const { child, output, closed } = await spawnProgram(words, {})
      await closed
      return { status: child.exitCode, ...output }
    },
    async stop() {
      for (const role of running) {
        role.signal('SIGKILL')
        await role.ended
      }
      await rm(folder, { recursive: true, force: true })
      await dropCollections(environment['INDEX_URL'] ?? '', environment['QDRANT_PREFIX'] ?? '')
    },
  }
}

/** Asks until the answer holds; throws with what was said last once `patience` milliseconds have passed. */
export async function eventually<T>(
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
  patience = 60_000,
): Promise<T> {
  const deadline = performance.now() + patience
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    if (performance.now() > deadline) throw new Error(`it never held; last: ${JSON.stringify(answer).slice(0, 2_000)}`)
    await delay(100)
  }
}
