import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { createKafkaLog } from '../../src/adapters/event-log/kafka.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { dropCollections, qdrantKey } from '../../test/servers/index-collections.ts'
import { membersOf } from '../../test/servers/kafka-fixture.ts'
import { logOptions, logSettings, type KafkaServers } from './kafka-servers.ts'
import { pairRecords } from './log-records.ts'
import type { BenchPicture } from './pictures.ts'
import { releaseUntrained } from './release-untrained.ts'
import { createRolePrograms, type RoleProgram } from './role-programs.ts'
import { timed } from './rounds.ts'

const PARTITIONS = 12
/** Milliseconds between two looks at how far the group has committed. */
const LOOK_EVERY = 50

export type EmbeddingGroup = {
  /**
   * Starts the processes, has them embed `first`, and then publishes `pictures` with all their captions at once: the milliseconds until
   * all are searchable and committed. The processes end before it resolves, so that nothing works while others are measured.
   */
  embed(first: readonly BenchPicture[], pictures: readonly BenchPicture[]): Promise<number>
  stop(): Promise<void>
}

export type EmbeddingGroupOptions = {
  /** Of its topics and collections; nobody else's. */
  readonly name: string
  readonly processes: number
  readonly servers: KafkaServers
  readonly folder: string
  /** A complete model folder. */
  readonly model: string
  /** Of ONNX Runtime in each process. */
  readonly threads: number
  readonly indexUrl: string
}

/** The built program in the role `embed`, so many processes in one consumer group, over topics, blobs and collections of their own. */
export async function createEmbeddingGroup(options: EmbeddingGroupOptions): Promise<EmbeddingGroup> {
  const { name, servers, processes, indexUrl } = options
  const folder = join(options.folder, name)
  const prefix = `${name}.`
  const blobFolder = join(folder, 'blobs')
  const blobs = createFileBlobStore({ folder: blobFolder })
  const log = await createKafkaLog(logOptions(servers, prefix, PARTITIONS))
  const generation = await releaseUntrained({ log, blobs, model: options.model, folder })
  const group = embedGroup(generation)
  const programs = createRolePrograms(folder, {
    ...logSettings(servers, prefix, PARTITIONS),
    ...qdrantKey(),
    BLOB_URL: `file:${blobFolder}`,
    INDEX_URL: indexUrl,
    QDRANT_PREFIX: `${name}-`,
    THREADS: options.threads,
    LOG_LEVEL: 'warn',
  })

  /** Resolves once the processes have shared the partitions out. */
  const joined = async (): Promise<void> => {
    const isShared = async (): Promise<boolean> => {
      const shares = [...(await membersOf([servers.brokers], prefix + group, `${prefix}pairs`)).values()]
      return shares.length === processes && shares.flat().length === PARTITIONS
    }
    while (!(await isShared())) await delay(LOOK_EVERY)
  }

  const embedAll = async (pictures: readonly BenchPicture[], running: readonly RoleProgram[]): Promise<number> => {
    for (const { bytes } of pictures) await blobs.put(imageBlobKey(imageIdOf(bytes)), bytes)
    const count = pictures.reduce((sum, { captions }) => sum + captions.length, 0)
    const records = pairRecords(pictures, count, false).map(({ record }) => record)
    return timed(async () => {
      await log.append(records)
      const ends = [...(await log.endOffsets('pairs'))]
      for (;;) {
        const committed = await log.committedOffsets(group, 'pairs')
        if (ends.every(([partition, end]) => (committed.get(partition) ?? 0) >= end)) return
        if (running.some(({ hasEnded }) => hasEnded())) throw new Error('An embedding process has ended.')
        await delay(LOOK_EVERY)
      }
    })
  }

  return {
    async embed(first, pictures) {
      try {
        const running = await Promise.all(Array.from({ length: processes }, () => programs.start('embed')))
        await joined()
        await embedAll(first, running)
        return await embedAll(pictures, running)
      } finally {
        await programs.stop()
      }
    },
    async stop() {
      await programs.stop()
      await log.close()
      await dropCollections(indexUrl, `${name}-`)
    },
  }
}
