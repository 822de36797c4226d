import { AppError } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/partition.ts'
import type { NewDeadRecord, NewRecord } from '../../../ports/event-log.ts'
import { cloudEventHeaders } from '../cloud-events.ts'
import { isDeadRecord, partitionKey } from '../record-writer.ts'
import type { AnyTopic } from '../topic-settings.ts'
import type { ValueCodec } from './value-codec.ts'

/** A record as it goes to the brokers. */
export type OutgoingRecord = {
  /** The full name. */
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

export type RecordEncoding = {
  readonly codec: ValueCodec
  readonly schemaVersion: (topic: NewRecord['topic']) => number
  readonly nameOf: (topic: AnyTopic) => string
  readonly partitions: (topic: AnyTopic) => number
}

/** The record as it goes to the brokers: partition chosen, value framed, headers complete. Throws `invalid-request`. */
export function encodeRecord(record: NewRecord | NewDeadRecord, encoding: RecordEncoding): OutgoingRecord {
  const { topic, key } = record
  const count = encoding.partitions(topic)
  const partition = record.partition ?? partitionOf(partitionKey(topic, key), count)
  if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
    throw new AppError('invalid-request', `${topic} has the partitions 0 to ${count - 1}; there is no ${partition}.`)
  }
  const isDead = isDeadRecord(record)
  const version = isDead ? 1 : encoding.schemaVersion(record.topic)
  return {
    topic: encoding.nameOf(topic),
    partition,
    key,
    value: isDead || record.value === null ? null : encoding.codec.encode(record.topic, record.value),
    headers: cloudEventHeaders(topic, version, Date.now(), record.headers),
  }
}
