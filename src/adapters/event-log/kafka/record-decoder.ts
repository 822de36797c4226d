import type { DeadTopic, Topic } from '../../../core/events.ts'
import type { DeadRecord, LogRecord } from '../../../ports/event-log.ts'
import type { Headers } from '../cloud-events.ts'
import type { IncomingRecord } from './record-batches.ts'
import type { ValueCodec } from './value-codec.ts'

/** Kafka's headers are bytes, and may be absent. */
const headersOf = (headers: IncomingRecord['headers']): Headers =>
  Object.fromEntries(
    [...(headers ?? [])].flatMap(([name, value]) => (value === null ? [] : [[name, value.toString()]])),
  )

const unreadable = { value: null, problem: 'record-unreadable' } as const

/** Throws `log-unavailable` while the registry that knows the record's schema is away. */
export async function decodeRecord<T extends Topic>(
  topic: T,
  partition: number,
  { offset, timestamp, key, value, headers }: IncomingRecord,
  decode: ValueCodec['decode'],
): Promise<LogRecord<T>> {
  const decoded = headers === null ? unreadable : await decodeValue(topic, value, timestamp, decode)
  const head = { topic, partition, offset, timestamp, key: key?.toString() ?? '', headers: headersOf(headers) }
  return { ...head, ...decoded }
}

const decodeValue = async <T extends Topic>(
  topic: T,
  value: Buffer | null,
  timestamp: number,
  decode: ValueCodec['decode'],
) => (value === null ? { value: null, problem: null } : decode(topic, value, timestamp))

export const decodeDead = (
  topic: DeadTopic,
  partition: number,
  { offset, timestamp, key, headers }: IncomingRecord,
): DeadRecord => ({ topic, partition, offset, timestamp, key: key?.toString() ?? '', headers: headersOf(headers) })
