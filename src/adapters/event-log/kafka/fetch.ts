import type { Broker } from 'kafkajs'

type HeaderValue = Buffer | string | null | undefined

/** A record as the brokers give it; `key` and `value` as their producer wrote them. */
export type IncomingRecord = {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>
}

export type FetchFrom = { readonly topic: string; readonly partition: number; readonly offset: number }

export type Fetched = {
  readonly topic: string
  readonly partition: number
  /** Without records of transactions that were given up. */
  readonly records: readonly IncomingRecord[]
  /** The offset to go on from; null when the answer tells nothing of what is at the offset that was asked for. */
  readonly next: number | null
  /** The end of the partition, as far as transactions have ended. */
  readonly end: number
}

export type FetchLimits = {
  /** How long the broker may wait for a first record, in milliseconds. */
  readonly wait: number
  /** Bytes of the answer, and of one partition in it; a broker gives one batch of records in any case. */
  readonly bytes: number
  readonly partitionBytes: number
}

type RawRecord = Omit<IncomingRecord, 'offset' | 'timestamp'> & {
  readonly offset: string
  readonly timestamp: string
  readonly isControlRecord: boolean
  readonly batchContext?: {
    readonly firstOffset: string
    readonly lastOffsetDelta: number
    readonly producerId: string
    readonly inTransaction: boolean
  }
}

type RawPartition = {
  readonly partition: number
  readonly lastStableOffset: string
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null
  readonly messages: readonly RawRecord[]
}

const READ_COMMITTED = 1
/** The key of the control record that ends a transaction which was given up: version 0, type 0. */
const ABORT_MARKER = Buffer.alloc(4)

/** Asks one broker for records of partitions that it leads. Throws what kafkajs throws. */
export async function fetchFrom(
  broker: Broker,
  places: readonly FetchFrom[],
  { wait, bytes, partitionBytes }: FetchLimits,
): Promise<Fetched[]> {
  const asked = new Map(places.map((place) => [`${place.topic}/${place.partition}`, place.offset]))
  const answer = (await broker.fetch({
    isolationLevel: READ_COMMITTED,
    maxWaitTime: wait,
    minBytes: 1,
    maxBytes: bytes,
    topics: places.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [{ partition, fetchOffset: String(offset), maxBytes: partitionBytes }],
    })),
  })) as { readonly responses: readonly { readonly topicName: string; readonly partitions: readonly RawPartition[] }[] }

  return answer.responses.flatMap(({ topicName, partitions }) =>
    partitions.map((raw) => readPartition(topicName, raw, asked.get(`${topicName}/${raw.partition}`) ?? 0)),
  )
}

function readPartition(topic: string, raw: RawPartition, from: number): Fetched {
  const { partition, messages } = raw
  const context = messages.at(-1)?.batchContext
  // The last records of a batch may be compacted away; the batch still tells where it ended.
  const next = context === undefined ? null : Number(context.firstOffset) + context.lastOffsetDelta + 1
  const records = withoutAborted(raw)
    .map(({ offset, timestamp, key, value, headers }) => ({
      offset: Number(offset),
      timestamp: Number(timestamp),
      key,
      value,
      headers,
    }))
    .filter(({ offset }) => offset >= from) // a batch is given whole, though its first records were read before
  return { topic, partition, records, next, end: Number(raw.lastStableOffset) }
}

/** A broker gives the records of given-up transactions too and names these: the reader is to leave them out (KIP-98). */
function withoutAborted({ messages, abortedTransactions }: RawPartition): RawRecord[] {
  const toCome = (abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<string>()

  return messages.filter((message) => {
    while ((toCome[0]?.firstOffset ?? Number.POSITIVE_INFINITY) <= Number(message.offset)) {
      aborting.add(toCome.shift()?.producerId ?? '')
    }
    const producerId = message.batchContext?.producerId ?? ''
    if (message.isControlRecord) {
      if (message.key !== null && ABORT_MARKER.equals(message.key)) aborting.delete(producerId)
      return false
    }
    return !(message.batchContext?.inTransaction === true && aborting.has(producerId))
  })
}
