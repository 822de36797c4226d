import { createByteReader, type ByteReader } from './byte-reader.ts'

/** What a broker answers of a partition, its records not yet read. */
export type AnsweredPartition = {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** The end, as far as transactions have ended. */
  readonly end: number
  /** Transactions that were given up and have records here. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[]
  readonly records: Buffer
}

export type FetchAnswer = {
  /** For how many milliseconds the broker asks its client to be quiet, which it does from version 8 on. */
  readonly throttle: number
  readonly partitions: readonly AnsweredPartition[]
}

/** Reads an answer to a fetch (Kafka's guide, "Fetch API", versions 4 to 11). Throws `RangeError` for what is none. */
export function readFetchAnswer(bytes: Buffer, version: number): FetchAnswer {
  const reader = createByteReader(bytes)
  const throttle = reader.int32()
  if (version >= 7) reader.moveTo(reader.position + 6) // an error and the id of fetch sessions, which are not used
  const partitions = list(reader, () => {
    const topic = reader.text(reader.int16())
    return list(reader, () => readPartition(reader, topic, version))
  })
  return { throttle: version >= 8 ? throttle : 0, partitions: partitions.flat() }
}

function readPartition(reader: ByteReader, topic: string, version: number): AnsweredPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  reader.int64() // the end, transactions or not
  const end = reader.int64()
  if (version >= 5) reader.int64() // the beginning
  const aborted = list(reader, () => ({ producerId: reader.int64(), firstOffset: reader.int64() }))
  if (version >= 11) reader.int32() // a replica that might be asked instead
  return { topic, partition, errorCode, end, aborted, records: reader.bytes(reader.int32()) ?? Buffer.alloc(0) }
}

/** Absent is empty. */
function list<T>(reader: ByteReader, read: () => T): T[] {
  const items: T[] = []
  for (let count = reader.int32(); items.length < count;) items.push(read())
  return items
}
