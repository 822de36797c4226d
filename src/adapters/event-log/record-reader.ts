import { toAppError } from '../../core/errors.ts'
import { deadTopicOf, type Topic, type TopicValues } from '../../core/events.ts'
import type { DeadRecord, LogRecord } from '../../ports/event-log.ts'
import type { Database, SqliteValue } from '../../sqlite/database.ts'
import type { AvroCodec } from './avro-codec.ts'
import type { Headers } from './cloud-events.ts'
import type { AnyTopic } from './topic-settings.ts'

type StoredHead = {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string
  readonly headers: string
}
type StoredRecord = StoredHead & { readonly schema_version: number; readonly value: Uint8Array | null }

type BatchLimits = {
  readonly records: number
  /** Bytes of values; a single record may be larger. */
  readonly bytes: number
}

export interface RecordReader {
  /** The records from `offset` on, oldest first, as many as the limits allow; empty when there are none. */
  batch<T extends Topic>(topic: T, partition: number, offset: number, limits: BatchLimits): LogRecord<T>[]
  read<T extends Topic>(topic: T, partition: number, offset: number): LogRecord<T> | null
  dead(topic: Topic): DeadRecord[]
  /** The offset that the next record of each partition will have. */
  endOffsets(topic: AnyTopic): Map<number, number>
  /** The offset of the first record of each partition that has this time or a later one; partitions without one are absent. */
  offsetsAt(topic: AnyTopic, timestamp: number): Map<number, number>
}

const parseHeaders = (headers: string): Headers => JSON.parse(headers) as Headers

export function createRecordReader(database: Database, codec: AvroCodec): RecordReader {
  const sizes = database.prepare<{ offset: number; size: number }>(
    `SELECT offset, ifnull(length(value), 0) AS size FROM record
     WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?`,
  )
  const range = database.prepare<StoredRecord>(
    `SELECT partition, offset, timestamp, key, schema_version, headers, value FROM record
     WHERE topic = ? AND partition = ? AND offset BETWEEN ? AND ? ORDER BY offset`,
  )
  const heads = database.prepare<StoredHead>(
    'SELECT partition, offset, timestamp, key, headers FROM record WHERE topic = ? ORDER BY timestamp, partition, offset',
  )
  const ends = database.prepare<{ partition: number; next_offset: number }>(
    'SELECT partition, next_offset FROM topic_partition WHERE topic = ?',
  )
  const firsts = database.prepare<{ partition: number; first: number }>(
    'SELECT partition, min(offset) AS first FROM record WHERE topic = ? AND timestamp >= ? GROUP BY partition',
  )

  const valueOf = <T extends Topic>(
    topic: T,
    stored: StoredRecord,
  ): Pick<LogRecord, 'problem'> & { value: TopicValues[T] | null } => {
    if (stored.value === null) return { value: null, problem: null }
    try {
      return { value: codec.decode(topic, stored.schema_version, stored.value), problem: null }
    } catch (error) {
      return { value: null, problem: toAppError(error).code }
    }
  }

  const toRecord = <T extends Topic>(topic: T, stored: StoredRecord): LogRecord<T> => {
    const { partition, offset, timestamp, key } = stored
    const headers = parseHeaders(stored.headers)
    return { topic, partition, offset, timestamp, key, ...valueOf(topic, stored), headers }
  }

  const lastWithin = (rows: readonly { offset: number; size: number }[], bytes: number): number | undefined => {
    let sum = 0
    let last: number | undefined
    for (const { offset, size } of rows) {
      sum += size
      if (last !== undefined && sum > bytes) break
      last = offset
    }
    return last
  }

  const between = <T extends Topic>(topic: T, ...position: readonly SqliteValue[]): LogRecord<T>[] =>
    range.all(topic, ...position).map((stored) => toRecord(topic, stored))

  return {
    batch(topic, partition, offset, limits) {
      const last = lastWithin(sizes.all(topic, partition, offset, limits.records), limits.bytes)
      return last === undefined ? [] : between(topic, partition, offset, last)
    },
    read: (topic, partition, offset) => between(topic, partition, offset, offset)[0] ?? null,
    dead(topic) {
      const deadTopic = deadTopicOf(topic)
      return heads
        .all(deadTopic)
        .map(({ headers, ...head }) => ({ ...head, topic: deadTopic, headers: parseHeaders(headers) }))
    },
    endOffsets: (topic) => new Map(ends.all(topic).map(({ partition, next_offset }) => [partition, next_offset])),
    offsetsAt: (topic, timestamp) =>
      new Map(firsts.all(topic, timestamp).map(({ partition, first }) => [partition, first])),
  }
}
