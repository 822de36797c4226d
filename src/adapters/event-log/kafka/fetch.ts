import type { Broker } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import { readingAnswers, type Protocol } from './broker-answers.ts'
import { readFetchAnswer, type AnsweredPartition, type FetchAnswer } from './fetch-answer.ts'
import { decodeRecordBatches, type IncomingRecord, type RecordBatch } from './record-batches.ts'

export type FetchFrom = { readonly topic: string; readonly partition: number; readonly offset: number }

export type Fetched = {
  readonly topic: string
  readonly partition: number
  /** Why nothing is known of this partition, while the others are well; null when it is well. */
  readonly failure: Error | null
  /** Without records of transactions that were given up. */
  readonly records: readonly IncomingRecord[]
  /** The offset to go on from; null when the answer tells nothing of what is at the offset that was asked for. */
  readonly next: number | null
  /** Whether it is well and has no bytes at all: whether there is nothing from the offset on, or the broker only gave nothing. */
  readonly isEmpty: boolean
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

const READ_COMMITTED = 1
/** The key of the control record that ends a transaction which was given up: version 0, type 0. */
const ABORT_MARKER = Buffer.alloc(4)

type Answered = FetchAnswer & { readonly failures: ReadonlyMap<AnsweredPartition, Error> }

/**
 * Answers to fetches are read here: kafkajs takes time that grows with the square of a record's headers, fails for batches of very
 * many records, and for all partitions as soon as one of them has an error.
 */
const responseOf = ({ request, response }: Protocol): Protocol['response'] => ({
  decode: async (bytes: Buffer) => {
    const answer = readFetchAnswer(bytes, request.apiVersion)
    return { ...answer, clientSideThrottleTime: answer.throttle }
  },
  /** kafkajs knows the answers by their codes, and throws what it knows of the first. */
  parse: async (data): Promise<Answered> => {
    const answer = data as FetchAnswer
    const failures = new Map<AnsweredPartition, Error>()
    for (const partition of answer.partitions.filter(({ errorCode }) => errorCode !== 0)) {
      await response
        .parse({ responses: [{ topicName: partition.topic, partitions: [partition] }] })
        .catch((error: unknown) => failures.set(partition, error as Error))
    }
    return { ...answer, failures }
  },
})

/** Asks one broker for records of partitions that it leads. Throws what kafkajs throws. */
export async function fetchFrom(
  broker: Broker,
  places: readonly FetchFrom[],
  { wait, bytes, partitionBytes }: FetchLimits,
): Promise<Fetched[]> {
  const asked = new Map(places.map((place) => [`${place.topic}/${place.partition}`, place.offset]))
  const { partitions, failures } = (await readingAnswers(broker, responseOf).fetch({
    isolationLevel: READ_COMMITTED,
    maxWaitTime: wait,
    minBytes: 1,
    maxBytes: bytes,
    topics: places.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [{ partition, fetchOffset: String(offset), maxBytes: partitionBytes }],
    })),
  })) as Answered

  return Promise.all(
    partitions.map(async (answered) => {
      const failure = failures.get(answered)
      if (failure !== undefined) return failed(answered, failure)
      return readPartition(answered, asked.get(`${answered.topic}/${answered.partition}`) ?? 0)
    }),
  )
}

const failed = ({ topic, partition, end }: AnsweredPartition, failure: Error): Fetched => ({
  topic,
  partition,
  failure,
  records: [],
  next: null,
  isEmpty: false,
  end,
})

async function readPartition(answered: AnsweredPartition, from: number): Promise<Fetched> {
  const { topic, partition, end } = answered
  try {
    const batches = await decodeRecordBatches(answered.records)
    const records = withoutAborted(answered, batches)
      .flatMap((batch) => batch.records)
      .filter(({ offset }) => offset >= from) // a batch is given whole, though its first records were read before
    const isEmpty = answered.records.length === 0
    return { topic, partition, failure: null, records, next: batches.at(-1)?.next ?? null, isEmpty, end }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const detail = `Records of ${topic}, partition ${partition}, from offset ${from} on cannot be read. ${reason}`
    return failed(answered, new AppError('log-unavailable', detail, { cause: error }))
  }
}

/** A broker gives the records of given-up transactions too and names these: the reader is to leave them out (KIP-98). */
function withoutAborted({ aborted }: AnsweredPartition, batches: readonly RecordBatch[]): RecordBatch[] {
  const toCome = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<number>()

  return batches.filter(({ next, producerId, isControl, isTransactional, records }) => {
    while ((toCome[0]?.firstOffset ?? Number.POSITIVE_INFINITY) < next) aborting.add(toCome.shift()?.producerId ?? -1)
    if (isControl) {
      if (records[0]?.key?.equals(ABORT_MARKER) === true) aborting.delete(producerId)
      return false
    }
    return !(isTransactional && aborting.has(producerId))
  })
}
