import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { AppError } from '../../../core/errors.ts'
import { createByteReader, type ByteReader } from './byte-reader.ts'

/** A record as the brokers give it; `key` and `value` as their producer wrote them. */
export type IncomingRecord = {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Of a repeated header the last; null for a record with more of them than are read. */
  readonly headers: ReadonlyMap<string, Buffer | null> | null
}

export type RecordBatch = {
  readonly firstOffset: number
  /** The offset after the batch, whose last records may be compacted away. */
  readonly next: number
  readonly producerId: number
  readonly isTransactional: boolean
  /** Its records are the broker's own marks, which end transactions. */
  readonly isControl: boolean
  readonly records: readonly IncomingRecord[]
}

/** A record with more headers is delivered without any, in its turn, so that it can be declared dead. */
export const MOST_HEADERS = 1_000

/** Of one batch; the most that a batch of records becomes when it is unpacked. */
const LONGEST_BATCH = 256_000_000

const LENGTH_AT = 8
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const HEADER_BYTES = 61

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const CODEC = 0b111
const LOG_APPEND_TIME = 0b1000
const TRANSACTIONAL = 0b1_0000
const CONTROL = 0b10_0000

const unpack = promisify(gunzip)

/**
 * Reads the batches of a partition in an answer to a fetch (Kafka's guide, "Record Batch", magic 2), whose last one may be cut off.
 * What cannot be read ends it, or throws `log-unavailable` where it is at the beginning: then nothing but a person helps.
 */
export async function decodeRecordBatches(bytes: Buffer): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  for (let start = 0; start + MAGIC_AT < bytes.length;) {
    const end = start + LENGTH_AT + 4 + bytes.readInt32BE(start + LENGTH_AT)
    try {
      checkMagic(bytes.readInt8(start + MAGIC_AT)) // what is old may be shorter than the head of a batch, and is not cut off then
      if (end > bytes.length || start + HEADER_BYTES > bytes.length) break
      batches.push(await decodeBatch(bytes.subarray(start, end)))
    } catch (error) {
      if (batches.length > 0) break // the next fetch begins with it
      throw unreadable(error)
    }
    start = end
  }
  return batches
}

function checkMagic(magic: number): void {
  if (magic === 2) return
  const detail = `They have the format of Kafka before 0.11 (magic ${magic}); begin anew under another KAFKA_PREFIX and publish again.`
  throw new AppError('log-unavailable', detail)
}

const unreadable = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError('log-unavailable', `The bytes are damaged: ${error instanceof Error ? error.message : ''}.`, {
        cause: error,
      })

async function decodeBatch(bytes: Buffer): Promise<RecordBatch> {
  const reader = createByteReader(bytes)
  const firstOffset = reader.int64()
  reader.moveTo(ATTRIBUTES_AT)
  const attributes = reader.int16()
  const next = firstOffset + reader.int32() + 1
  const firstTimestamp = reader.int64()
  const lastTimestamp = reader.int64()
  const producerId = reader.int64()
  reader.moveTo(HEADER_BYTES - 4)
  const count = reader.int32()
  const body = await unpacked(bytes, attributes)
  const appended = (attributes & LOG_APPEND_TIME) === 0 ? null : lastTimestamp
  const records: IncomingRecord[] = []
  while (records.length < count) records.push(decodeRecord(body, firstOffset, firstTimestamp, appended))
  return {
    firstOffset,
    next,
    producerId,
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    records,
  }
}

async function unpacked(bytes: Buffer, attributes: number): Promise<ByteReader> {
  const codec = codecs[attributes & CODEC] ?? 'an unknown codec'
  if (codec === 'none') return createByteReader(bytes, HEADER_BYTES)
  if (codec === 'gzip') {
    return createByteReader(await unpack(bytes.subarray(HEADER_BYTES), { maxOutputLength: LONGEST_BATCH }))
  }
  const detail =
    `They are compressed with ${codec}, which this program does not read. Set compression.type=uncompressed for the topic, ` +
    'and have what is in it published again, under another KAFKA_PREFIX.'
  throw new AppError('log-unavailable', detail)
}

function decodeRecord(
  reader: ByteReader,
  firstOffset: number,
  firstTimestamp: number,
  appended: number | null,
): IncomingRecord {
  const end = reader.varint() + reader.position
  reader.int8() // attributes, of which there are none
  const timestamp = firstTimestamp + reader.varint()
  const offset = firstOffset + reader.varint()
  const key = reader.bytes(reader.varint())
  const value = reader.bytes(reader.varint())
  const headers = decodeHeaders(reader)
  reader.moveTo(end)
  return { offset, timestamp: appended ?? timestamp, key, value, headers }
}

function decodeHeaders(reader: ByteReader): IncomingRecord['headers'] {
  const count = reader.varint()
  if (count > MOST_HEADERS) return null
  const headers = new Map<string, Buffer | null>()
  for (let index = 0; index < count; index++) {
    const name = reader.text(reader.varint())
    headers.set(name, reader.bytes(reader.varint()))
  }
  return headers
}
