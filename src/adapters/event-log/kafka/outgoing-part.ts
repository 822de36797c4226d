import type { OutgoingRecord } from './outgoing-record.ts'
import { placeOf } from './produce.ts'
import { MAX_BATCH_BYTES } from './topic-configuration.ts'

/** Of a call, records of one partition that go in one batch. */
export type OutgoingPart = {
  readonly place: string
  readonly records: OutgoingRecord[]
  /** The places of the records in the call. */
  readonly indices: number[]
  bytes: number
}

/** Room for the head of a batch; kafkajs makes one batch of all records of a partition in a request. */
const BATCH_HEAD = 1_024
/** The most that the records of a batch may take up. */
export const BATCH_ROOM = MAX_BATCH_BYTES - BATCH_HEAD
/** Of a record's lengths and its offset and time in the batch. */
const RECORD_HEAD = 64

/** At most what the record takes up in a batch. */
export const sizeOf = ({ key, value, headers }: OutgoingRecord): number =>
  RECORD_HEAD +
  Buffer.byteLength(key) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + 10, 0)

/** The parts of a call, in order; a partition has several where one batch does not hold them. */
export function partsOf(records: readonly OutgoingRecord[], sizes: readonly number[]): OutgoingPart[] {
  const parts: OutgoingPart[] = []
  const open = new Map<string, OutgoingPart>()
  for (const [index, record] of records.entries()) {
    const [place, size] = [placeOf(record), sizes[index] ?? 0]
    let part = open.get(place)
    if (part === undefined || part.bytes + size > BATCH_ROOM) {
      part = { place, records: [], indices: [], bytes: 0 }
      open.set(place, part)
      parts.push(part)
    }
    part.records.push(record)
    part.indices.push(index)
    part.bytes += size
  }
  return parts
}
