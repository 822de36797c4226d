import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../server-cache.ts'
import { writeExample } from './document-examples.ts'
import { pythonWith } from './python-environment.ts'

/** A Kafka client and an Avro library that are not ours (20 s to install, 40 MB). */
const PACKAGES = ['confluent-kafka==2.16.1', 'fastavro==1.13.1']

/** Where a pair was written, as the examples of the document print it. */
export type Delivery = {
  readonly imageId: string
  readonly pairId: string
  readonly partition: number
  readonly offset: number
}

export type Picture = {
  readonly path: string
  readonly contentType: string
  readonly width: number
  readonly height: number
}

/** A line of the follower: a pair that can be found now, or one that was erased. */
export type Followed = { readonly found?: string; readonly generation?: string; readonly erased?: string }

export type Follower = {
  readonly lines: () => readonly Followed[]
  /** What it told people beside them. */
  readonly remarks: () => string
  /** Ends it as a person would, by Ctrl+C; rejects where it failed before. */
  stop(): Promise<void>
}

/** A program in Python as `docs/events.md` prints it, against one installation. */
export type PythonProgram = {
  publish(picture: Picture, caption: string): Promise<Delivery>
  erase(delivery: Pick<Delivery, 'imageId' | 'pairId'>): Promise<Delivery>
  /** Runs a script beside this file, which finds the examples as modules; what it prints. */
  run(script: string, ...values: readonly string[]): Promise<string>
  /** Where it is not the registry of the installation, `registry` is its address. */
  follow(group: string, registry?: string): Follower
  remove(): Promise<void>
}

export type Surroundings = { readonly brokers: string; readonly registry: string; readonly prefix: string }

export async function createPythonProgram({ brokers, registry, prefix }: Surroundings): Promise<PythonProgram> {
  const python = await pythonWith(PACKAGES)
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-python-'))
  for (const name of ['publisher.py', 'follower.py']) await writeExample(folder, name)
  const env = { TOPIC_PREFIX: prefix, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const publisher = async (...values: readonly string[]): Promise<Delivery> =>
    JSON.parse(
      await runProgram(python, [join(folder, 'publisher.py'), brokers, registry, ...values], { env }),
    ) as Delivery

  return {
    publish: ({ path, contentType, width, height }, caption) =>
      publisher('publish', path, contentType, String(width), String(height), caption),
    erase: ({ imageId, pairId }) => publisher('erase', imageId, pairId),
    run: (script, ...values) =>
      runProgram(python, [join(import.meta.dirname, script), brokers, registry, ...values], { env }),
    follow(group, otherRegistry = registry) {
      const child = spawn(python, [join(folder, 'follower.py'), brokers, otherRegistry, group], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = { stdout: '', stderr: '' }
      child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
      const ended = once(child, 'close')
      return {
        lines: () =>
          output.stdout
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line) as Followed),
        remarks: () => output.stderr,
        async stop() {
          child.kill('SIGINT')
          await ended
          if (child.exitCode !== 0) throw new Error(`follower.py ended with ${child.exitCode}:\n${output.stderr}`)
        },
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
