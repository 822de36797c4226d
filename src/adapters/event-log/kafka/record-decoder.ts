import type { DeadTopic, Topic } from '../../../core/events.ts'
import type { DeadRecord, LogRecord } from '../../../ports/event-log.ts'
import type { Headers } from '../cloud-events.ts'
import type { IncomingRecord } from './fetch.ts'
import type { ValueCodec } from './value-codec.ts'

/** Kafka's headers are bytes and may repeat; of a repeated one the last counts. Absent ones are left out. */
function headersOf(headers: IncomingRecord['headers']): Headers {
  const last = Object.entries(headers).map(([name, value]) => [name, isList(value) ? value.at(-1) : value] as const)
  return Object.fromEntries(
    last.flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, value.toString()]])),
  )
}

const isList = (value: unknown): value is readonly (Buffer | string | null | undefined)[] => Array.isArray(value)

/** Throws `log-unavailable` while the registry that knows the record's schema is away. */
export async function decodeRecord<T extends Topic>(
  topic: T,
  partition: number,
  { offset, timestamp, key, value, headers }: IncomingRecord,
  codec: ValueCodec,
): Promise<LogRecord<T>> {
  const decoded = value === null ? { value: null, problem: null } : await codec.decode(topic, value)
  const head = { topic, partition, offset, timestamp, key: key?.toString() ?? '', headers: headersOf(headers) }
  return { ...head, ...decoded }
}

export const decodeDead = (
  topic: DeadTopic,
  partition: number,
  { offset, timestamp, key, headers }: IncomingRecord,
): DeadRecord => ({ topic, partition, offset, timestamp, key: key?.toString() ?? '', headers: headersOf(headers) })
