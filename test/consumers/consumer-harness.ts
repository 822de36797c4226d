import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { createEmbeddedIndex } from '../../src/adapters/vector-index/embedded.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import type { EffectPorts } from '../../src/consumers/effects.ts'
import { createReleaseLog } from '../../src/consumers/release-log.ts'
import { run, type Handler, type RetryPolicy, type RunnerEvents } from '../../src/consumers/runner.ts'
import type { Topic } from '../../src/core/events.ts'
import type { Consumer } from '../../src/ports/event-log.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { DIMENSION } from './word-encoder.ts'

export const PARTITIONS = 3

/** Waits that tests do not notice. */
export const quickPolicy: RetryPolicy = { attempts: 5, firstWait: 1, longestWait: 4 }

/** The real embedded drivers, a catalogue that follows, and a clock that tests may set forward. */
export async function createPlatform() {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  let ahead = 0
  const clock = () => Date.now() + ahead
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: PARTITIONS })
  const blobs = createFileBlobStore({ folder: join(folder, 'blobs') })
  const index = createEmbeddedIndex({ folder: join(folder, 'index'), writable: true })
  const catalogue = openCatalogue({ database: openDatabase(join(folder, 'catalogue.db')), blobs })
  const follower = await catalogue.follow(log)
  const consumers: Consumer[] = []
  const erasedFeatures: string[] = []
  const erasedTrainingData: string[] = []
  const removedTrainingData: string[] = []
  const ports: EffectPorts = {
    log,
    index,
    blobs,
    clock,
    eraseFeatures: async (ids) => void erasedFeatures.push(...ids),
    eraseTrainingData: async (pairIds) => void erasedTrainingData.push(...pairIds),
    removeTrainingData: async (modelVersion) => void removedTrainingData.push(modelVersion),
  }

  const start = <T extends Topic>(
    handler: Handler<T>,
    events: RunnerEvents = {},
    changes: Partial<EffectPorts> = {},
  ): Consumer => {
    const consumer = run(handler, { log, ports: { ...ports, ...changes }, policy: quickPolicy, events })
    consumers.push(consumer)
    return consumer
  }

  /** Resolves once `met` holds; looked at whenever something may have changed. */
  const until = async (met: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 2))
  }

  /** Resolves once the group has committed everything that is in the topic now. */
  const passed = async (group: string, topic: Topic = 'pairs'): Promise<void> => {
    const ends = await log.endOffsets(topic)
    await until(async () => {
      const committed = await log.committedOffsets(group, topic)
      return [...ends].every(([partition, end]) => (committed.get(partition) ?? 0) >= end)
    })
  }

  const close = async (): Promise<void> => {
    for (const consumer of consumers) await consumer.stop()
    await follower.stop()
    await log.close()
    await index.close()
    await blobs.close()
    catalogue.close()
    await rm(folder, { recursive: true, force: true })
  }

  return {
    folder, log, blobs, index, catalogue, clock, ports, erasedFeatures, start, until, passed, close,
    erasedTrainingData, removedTrainingData,
    follower,
    releases: createReleaseLog({ catalogue, log, clock }),
    setForward: (milliseconds: number) => void (ahead += milliseconds),
  } // prettier-ignore
}

export type Platform = Awaited<ReturnType<typeof createPlatform>>

/** A generation that the chain of releases names; consumers keep it up to date unless it is retired. */
export async function announce(
  { index, releases, catalogue }: Platform,
  generation: string,
  state: 'building' | 'promoted' | 'retired',
): Promise<void> {
  await index.create(generation, DIMENSION)
  const follows = catalogue.releases().at(-1)?.releaseId ?? null
  await releases.append({ follows, state, modelVersion: `m-${generation}`, generation, reason: 'test', evidence: null })
}

/** A platform that goes with the test that asked for it. */
export async function platform(): Promise<Platform> {
  const made = await createPlatform()
  onTestFinished(made.close)
  return made
}
