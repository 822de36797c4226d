import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { Topic } from '../../core/events.ts'
import type { Consumer, ConsumeOptions, EventLog, Offsets } from '../../ports/event-log.ts'
import { createAvroCodec } from './avro-codec.ts'
import { startConsumer } from './consumer-loop.ts'
import { createGroupOffsets } from './group-offsets.ts'
import { createMaintenance } from './maintenance.ts'
import { createGroupProgress, createTailProgress, type Progress } from './progress.ts'
import { createRecordReader } from './record-reader.ts'
import { createRecordWriter, type EncodedRecord } from './record-writer.ts'
import { checkSeek } from './seek.ts'
import { openLogDatabase, readLogIdentity } from './sqlite-schema.ts'
import type { AnyTopic } from './topic-settings.ts'
import { createWakeUp } from './wake-up.ts'
import { createWriteQueue, defaultWriteLimits, nothing, type WriteQueueLimits, type WriteSize } from './write-queue.ts'

export type SqliteLogOptions = {
  /** The database file; its folder is created. */
  readonly path: string
  /** How many partitions `pairs` and the other wide topics have; fixed when the file is created. */
  readonly partitions: number
  /** The time that new records get, in milliseconds since the epoch. Default: the system's. */
  readonly clock?: () => number
  /** A quota of the file in bytes; past it, `append` fails with `storage-full`. */
  readonly maxBytes?: number
  /** Default: 10 s, 10,000 records, 256 MB. */
  readonly limits?: Partial<WriteQueueLimits>
}

const sizeOf = (records: readonly EncodedRecord[]): WriteSize => ({
  records: records.length,
  bytes: records.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0),
})

/**
 * The event log in one SQLite file. Any number of processes may append and read at once; the consumers of a group run in one
 * of them. Throws `partition-count-changed` when the file was created with another count.
 */
export function createSqliteLog(options: SqliteLogOptions): EventLog {
  const clock = options.clock ?? Date.now
  mkdirSync(dirname(options.path), { recursive: true })
  const database = openLogDatabase(options.path, options.partitions, options.maxBytes)
  const codec = createAvroCodec()
  const reader = createRecordReader(database, codec)
  const queue = createWriteQueue(database, { ...defaultWriteLimits, ...options.limits })
  const wakeUp = createWakeUp(database)
  const offsets = createGroupOffsets(database)

  const counts = new Map<AnyTopic, number>()
  const partitions = (topic: AnyTopic): number => {
    const count = counts.get(topic) ?? reader.endOffsets(topic).size
    counts.set(topic, count)
    return count
  }
  const writer = createRecordWriter(database, codec, partitions)
  const maintenance = createMaintenance(database, queue)

  const claims = new Set<string>()
  const consumers = new Set<Consumer>()
  let closed = false

  const start = <T extends Topic>(consumerOptions: ConsumeOptions<T>, progress: Progress<T>): Consumer => {
    if (closed) throw new AppError('log-unavailable', 'The log is closed.')
    const consumer = startConsumer(consumerOptions, progress, reader, wakeUp)
    consumers.add(consumer)
    void consumer.done.catch(() => undefined).then(() => consumers.delete(consumer))
    return consumer
  }

  return {
    identity: async () => readLogIdentity(database),
    async append(records) {
      if (records.length === 0) return []
      const encoded = records.map((record) => writer.encode(record))
      const positions = await queue.write(sizeOf(encoded), () => writer.insert(encoded, clock()))
      wakeUp.call()
      return positions
    },
    consume: (group, consumerOptions) => start(consumerOptions, createGroupProgress(group, claims, offsets, queue)),
    tail: (from, consumerOptions) => start(consumerOptions, createTailProgress(consumerOptions.topics, from)),
    read: async (topic, partition, offset) => reader.read(topic, partition, offset),
    dead: async (topic) => reader.dead(topic),
    partitions: async (topic) => partitions(topic),
    endOffsets: async (topic): Promise<Offsets> => reader.endOffsets(topic),
    offsetsAt: async (topic, timestamp): Promise<Offsets> =>
      new Map([...reader.endOffsets(topic), ...reader.offsetsAt(topic, timestamp)]),
    committedOffsets: async (group, topic): Promise<Offsets> => offsets.committed(group, topic),
    groups: async () => offsets.groups(),
    deleteGroup: (group) => queue.write(nothing, () => offsets.remove(group)),
    async seekGroup(group, topic, positions) {
      checkSeek(topic, positions, reader.endOffsets(topic))
      await queue.write(nothing, () => {
        for (const [partition, next] of positions) offsets.seek(group, topic, partition, next)
      })
      wakeUp.call()
    },
    maintain: (now) => maintenance(now, partitions),
    async close() {
      if (closed) return
      closed = true
      await Promise.all([...consumers].map((consumer) => consumer.stop()))
      await queue.close()
      wakeUp.close()
      database.close()
    },
  }
}
