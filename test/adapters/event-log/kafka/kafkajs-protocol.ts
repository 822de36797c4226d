import { createRequire } from 'node:module'
import type { Broker } from 'kafkajs'
import type { PooledConnection } from '../../../../src/adapters/event-log/kafka/pooled-connections.ts'
import type { Protocol } from '../../../../src/adapters/event-log/kafka/broker-answers.ts'

/** The parts of kafkajs' protocol that its types leave out: a second opinion of what is on the wire. */
const require = createRequire(import.meta.url)
const part = (path: string): unknown => require(`kafkajs/src/${path}`)

type Long = { readonly toString: () => string }
type Encoder = {
  readonly buffer: Buffer
  writeInt16(value: number): Encoder
  writeInt32(value: number): Encoder
  writeInt64(value: Long): Encoder
  writeString(value: string): Encoder
  writeBuffer(value: Buffer): Encoder
  writeBytes(value: Buffer): Encoder
}
export type HeaderValues = Record<string, Buffer | string | null | (Buffer | string)[]>
export type WrittenRecord = {
  readonly offsetDelta: number
  readonly timestampDelta: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: HeaderValues
}
type BatchOptions = {
  readonly firstOffset?: number
  readonly firstTimestamp?: number
  readonly maxTimestamp?: number
  readonly lastOffsetDelta?: number
  readonly producerId?: number
  readonly transactional?: boolean
  readonly compression?: number
}

const long = part('utils/long') as { fromNumber(value: number): Long }
export const createEncoder = (): Encoder => new (part('protocol/encoder') as new () => Encoder)()
const writeRecord = part('protocol/recordBatch/record/v0') as (record: object) => Encoder
const { RecordBatch: writeBatch } = part('protocol/recordBatch/v0') as {
  RecordBatch: (batch: object) => Promise<Encoder>
}
export const longOf = (value: number): Long => long.fromNumber(value)

/** Bytes of a batch as kafkajs' producer writes them. */
export async function encodeBatch(records: readonly WrittenRecord[], options: BatchOptions = {}): Promise<Buffer> {
  const { firstOffset = 0, firstTimestamp = 0, maxTimestamp = firstTimestamp, producerId = -1, ...others } = options
  const batch = await writeBatch({
    lastOffsetDelta: records.at(-1)?.offsetDelta ?? 0,
    ...others,
    firstOffset: longOf(firstOffset),
    firstTimestamp,
    maxTimestamp,
    producerId: longOf(producerId),
    records: records.map((record) => writeRecord({ ...record, timestampDelta: longOf(record.timestampDelta) })),
  })
  return batch.buffer
}

type ReadRecord = {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer | null | (Buffer | null)[]>
}

/** What kafkajs' consumer reads of the same bytes. */
export function decodeAsKafkajs(bytes: Buffer): Promise<ReadRecord[]> {
  const Decoder = part('protocol/decoder') as new (bytes: Buffer) => object
  const decode = part('protocol/requests/fetch/v4/decodeMessages') as (decoder: object) => Promise<ReadRecord[]>
  return decode(new Decoder(createEncoder().writeInt32(bytes.length).writeBuffer(bytes).buffer))
}

/** What an answer to a fetch says of a partition. */
export type AnsweredPart = {
  readonly partition: number
  readonly errorCode?: number
  readonly end?: number
  readonly aborted?: readonly { readonly producerId: number; readonly firstOffset: number }[]
  readonly records?: Buffer
}

/** An answer to a fetch as a broker writes it (Kafka's guide, "Fetch API"). */
export function answerOf(version: number, partitions: readonly AnsweredPart[]): Buffer {
  const encoder = createEncoder().writeInt32(0)
  if (version >= 7) encoder.writeInt16(0).writeInt32(0)
  encoder.writeInt32(1).writeString('pairs').writeInt32(partitions.length)
  for (const { partition, errorCode = 0, end = 100, aborted = [], records = Buffer.alloc(0) } of partitions) {
    encoder.writeInt32(partition).writeInt16(errorCode).writeInt64(longOf(end)).writeInt64(longOf(end))
    if (version >= 5) encoder.writeInt64(longOf(0))
    encoder.writeInt32(aborted.length)
    for (const { producerId, firstOffset } of aborted) {
      encoder.writeInt64(longOf(producerId)).writeInt64(longOf(firstOffset))
    }
    if (version >= 11) encoder.writeInt32(-1)
    encoder.writeBytes(records)
  }
  return encoder.buffer
}

/** What kafkajs does with an answer to a produce request of version 7. */
export const produceProtocol: Protocol = {
  request: { apiVersion: 7 },
  response: part('protocol/requests/produce/v7/response') as Protocol['response'],
}

type Exchange = {
  readonly request: { readonly apiVersion: number }
  readonly response: { decode(bytes: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> }
}

const [FETCH, METADATA, JOIN_GROUP, CREATE_TOPICS] = [1, 3, 11, 19]

/** kafkajs' own broker, which gets these answers to what it asks, the last one from then on; `version` is that of fetches. */
export function brokerThatAnswers(version: number, ...answers: Buffer[]): Broker {
  const BrokerClass = part('broker') as new (options: object) => Broker
  const { lookup } = part('protocol/requests') as { lookup: (versions: object) => unknown }
  const logger = { namespace: () => logger }
  const connectionPool = {
    pool: [],
    send: async ({ response }: Exchange) => {
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      return response.parse(await response.decode(answer ?? Buffer.alloc(0)))
    },
  }
  const versions = {
    [FETCH]: { minVersion: 0, maxVersion: version },
    [METADATA]: { minVersion: 1, maxVersion: 1 },
    [JOIN_GROUP]: { minVersion: 5, maxVersion: 5 },
    [CREATE_TOPICS]: { minVersion: 3, maxVersion: 3 },
  }
  const broker = new BrokerClass({ connectionPool, logger })
  return Object.assign(broker, { lookupRequest: lookup(versions) })
}

type QueuedRequest = {
  readonly entry: { readonly correlationId: number; readonly resolve: () => void }
  readonly sendRequest: () => void
}
type RequestQueue = PooledConnection['requestQueue'] & {
  push(request: QueuedRequest & { readonly expectResponse: boolean }): void
  fulfillRequest(answer: { readonly correlationId: number }): void
  maybeThrottle(milliseconds: number): void
}

/** A queue of requests of kafkajs. */
export function requestQueue(): RequestQueue {
  const Queue = part('network/requestQueue') as new (options: object) => RequestQueue
  const nothing = () => undefined
  return new Queue({ logger: { debug: nothing, warn: nothing } })
}
