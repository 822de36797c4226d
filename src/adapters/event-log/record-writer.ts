import { AppError } from '../../core/errors.ts'
import { partitionOf } from '../../core/partition.ts'
import type { NewDeadRecord, NewRecord, Position } from '../../ports/event-log.ts'
import type { Database } from '../../sqlite/database.ts'
import type { AvroCodec } from './avro-codec.ts'
import { cloudEventHeaders, type Headers } from './cloud-events.ts'
import { isDeadTopic, type AnyTopic } from './topic-settings.ts'

/** A record in the form that it is stored in. */
export type EncodedRecord = {
  readonly topic: AnyTopic
  readonly partition: number
  readonly key: string
  readonly value: Uint8Array | null
  readonly schemaVersion: number
  readonly headers: Headers | undefined
}

/** What the record is partitioned by: a pair's image (the first half of its key), the whole key of anything else. */
export const partitionKey = (topic: AnyTopic, key: string): string =>
  topic === 'pairs' ? (key.split(':')[0] ?? key) : key

export const isDeadRecord = (record: NewRecord | NewDeadRecord): record is NewDeadRecord => isDeadTopic(record.topic)

interface RecordWriter {
  /** Chooses the partition and encodes the value. Throws `invalid-request`. */
  encode(record: NewRecord | NewDeadRecord): EncodedRecord
  /** Gives each record the next offset of its partition; to be called within a transaction. `now` in milliseconds. */
  insert(records: readonly EncodedRecord[], now: number): Position[]
}

export function createRecordWriter(
  database: Database,
  codec: AvroCodec,
  partitions: (topic: AnyTopic) => number,
): RecordWriter {
  const takeOffset = database.prepare<{ next_offset: number }>(
    'UPDATE topic_partition SET next_offset = next_offset + 1 WHERE topic = ? AND partition = ? RETURNING next_offset',
  )
  const insert = database.prepare(
    `INSERT INTO record (topic, partition, offset, timestamp, key, schema_version, headers, value)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )

  const choosePartition = (topic: AnyTopic, key: string, asked: number | undefined): number => {
    const count = partitions(topic)
    const partition = asked ?? partitionOf(partitionKey(topic, key), count)
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition
    throw new AppError('invalid-request', `${topic} has the partitions 0 to ${count - 1}; there is no ${partition}.`)
  }

  return {
    encode(record) {
      const { topic, key, headers } = record
      const partition = choosePartition(topic, key, record.partition)
      if (isDeadRecord(record)) return { topic, partition, key, value: null, schemaVersion: 1, headers }
      const value = record.value === null ? null : codec.encode(record.topic, record.value)
      return { topic, partition, key, value, schemaVersion: codec.schemaVersion(record.topic), headers }
    },

    insert(records, now) {
      return records.map(({ topic, partition, key, value, schemaVersion, headers }) => {
        const offset = (takeOffset.get(topic, partition)?.next_offset ?? 1) - 1
        const allHeaders = JSON.stringify(cloudEventHeaders(topic, schemaVersion, now, headers))
        insert.run(topic, partition, offset, now, key, schemaVersion, allHeaders, value)
        return { topic, partition, offset }
      })
    },
  }
}
