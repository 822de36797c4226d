import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { createKafkaLog } from '../../src/adapters/event-log/kafka.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import type { EmbeddingOrder, EmbeddingReport } from './embedding-process.ts'
import { logOptions, logSettings, type KafkaServers } from './kafka-servers.ts'
import { pairRecords } from './log-records.ts'
import type { BenchPicture } from './pictures.ts'
import { timed } from './rounds.ts'

const program = fileURLToPath(new URL('./embedding-process.ts', import.meta.url))
const GENERATION = 'bench'
const PARTITIONS = 12
/** Milliseconds between two looks at how far the group has committed. */
const LOOK_EVERY = 50

export type EmbeddingGroup = {
  /** Publishes the pictures with all their captions at once; the milliseconds until all are searchable and committed. */
  embed(pictures: readonly BenchPicture[]): Promise<number>
  stop(): Promise<void>
}

export type EmbeddingGroupOptions = {
  readonly name: string
  readonly processes: number
  readonly servers: KafkaServers
  readonly folder: string
  readonly model: string
  /** Of ONNX Runtime in each process. */
  readonly threads: number
  /** Null: each process has an index of its own, so that there can be one only. */
  readonly indexUrl: string | null
}

/** Embedding processes that share one consumer group over topics, blobs and points of their own. Resolves once each has its partitions. */
export async function startEmbeddingGroup(options: EmbeddingGroupOptions): Promise<EmbeddingGroup> {
  const { name, servers, folder } = options
  const prefix = `${name}.`
  const blobFolder = join(folder, name, 'blobs')
  const blobs = createFileBlobStore({ folder: blobFolder })
  const log = await createKafkaLog(logOptions(servers, prefix, PARTITIONS))
  const children: ChildProcess[] = []

  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end))
    await log.close()
  }
  const embed = async (pictures: readonly BenchPicture[]): Promise<number> => {
    for (const { bytes } of pictures) await blobs.put(imageBlobKey(imageIdOf(bytes)), bytes)
    const count = pictures.reduce((sum, { captions }) => sum + captions.length, 0)
    const records = pairRecords(pictures, count, false).map(({ record }) => record)
    return timed(async () => {
      await log.append(records)
      const ends = [...(await log.endOffsets('pairs'))]
      for (;;) {
        const committed = await log.committedOffsets(embedGroup(GENERATION), 'pairs')
        if (ends.every(([partition, end]) => (committed.get(partition) ?? 0) >= end)) return
        const ended = children.find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null)
        if (ended !== undefined) throw new Error('An embedding process has ended.')
        await delay(LOOK_EVERY)
      }
    })
  }

  try {
    for (let number = 0; number < options.processes; number++) {
      const order: EmbeddingOrder = {
        folder: join(folder, name, `process-${number}`),
        settings: {
          ...logSettings(servers, prefix, PARTITIONS),
          BLOB_URL: `file:${blobFolder}`,
          ...(options.indexUrl === null ? {} : { INDEX_URL: options.indexUrl, QDRANT_PREFIX: `${name}-` }),
        },
        model: options.model,
        generation: GENERATION,
        threads: options.threads,
      }
      const child = fork(program, [JSON.stringify(order)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      children.push(child)
      await readyOf(child)
    }
    await membersOf(servers.brokers, `${prefix}${embedGroup(GENERATION)}`, options.processes)
    return { embed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function readyOf(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit').then(() => {
    throw new Error('The embedding process has ended before it was ready.')
  })
  const [report] = (await Promise.race([once(child, 'message'), exited])) as [EmbeddingReport]
  exited.catch(() => undefined)
  if (report.type === 'failed') throw new Error(report.detail)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  if (child.connected) child.send('stop')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exited
  clearTimeout(timer)
}

/** Resolves once the group is stable with so many members. */
async function membersOf(brokers: string, group: string, count: number): Promise<void> {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    for (;;) {
      const [described] = (await admin.describeGroups([group])).groups
      if (described?.state === 'Stable' && described.members.length === count) return
      await delay(100)
    }
  } finally {
    await admin.disconnect()
  }
}
