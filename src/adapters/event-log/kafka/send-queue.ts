import { AppError } from '../../../core/errors.ts'
import type { WriteQueueLimits } from '../write-queue.ts'
import { answerOf, translate } from './failures.ts'
import type { OutgoingRecord } from './outgoing-record.ts'
import type { IdempotentProducer } from './producer.ts'
import { MAX_BATCH_BYTES } from './topic-configuration.ts'

/** Appends that share requests, in the order of the calls, each with a deadline. */
export interface SendQueue {
  /**
   * The offsets of the records, once they are durable. Throws `publish-unconfirmed` past the deadline or when too much waits,
   * `payload-too-large` for a record that no batch can hold.
   */
  send(records: readonly OutgoingRecord[]): Promise<readonly number[]>
  /** Sends what waits, for some seconds at most; later calls are refused with `log-unavailable`. */
  close(): Promise<void>
}

type Waiting = {
  readonly records: readonly OutgoingRecord[]
  readonly bytes: number
  readonly until: number
  readonly resolve: (offsets: readonly number[]) => void
  readonly reject: (error: AppError) => void
  settled: boolean
}

/** Room for the head of a batch; kafkajs makes one batch of all records of a partition in a request. */
const BATCH_HEAD = 1_024
const PARTITION_BYTES = MAX_BATCH_BYTES - BATCH_HEAD
const REQUEST_BYTES = 16_000_000
const REQUEST_RECORDS = 5_000
/** Of a record's lengths and its offset and time in the batch. */
const RECORD_HEAD = 64

/** How long the end of a process may wait for brokers that do not answer, in milliseconds. */
const LONGEST_CLOSE = 3_000

/** At most what the record takes up in a batch. */
export const sizeOf = ({ key, value, headers }: OutgoingRecord): number =>
  RECORD_HEAD +
  Buffer.byteLength(key) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + 10, 0)

const unconfirmed = (detail: string, cause?: unknown): AppError =>
  new AppError('publish-unconfirmed', `${detail}; send the records again.`, cause === undefined ? {} : { cause })

export function createSendQueue(producer: IdempotentProducer, limits: WriteQueueLimits): SendQueue {
  let waiting: Waiting[] = []
  let waitingRecords = 0
  let waitingBytes = 0
  let running: Promise<void> | null = null
  let closed = false

  const settle = (call: Waiting, how: () => void): void => {
    if (call.settled) return
    call.settled = true
    how()
  }

  /** Takes calls off the queue for one request: as many as fit, and the first in any case. */
  const takeBatch = (): Waiting[] => {
    const partitions = new Map<string, number>()
    let bytes = 0
    let records = 0
    const fits = (call: Waiting): boolean => {
      for (const record of call.records) {
        const place = `${record.topic}/${record.partition}`
        partitions.set(place, (partitions.get(place) ?? 0) + sizeOf(record))
      }
      bytes += call.bytes
      records += call.records.length
      const fullest = Math.max(...partitions.values())
      return fullest <= PARTITION_BYTES && bytes <= REQUEST_BYTES && records <= REQUEST_RECORDS
    }
    const tooMany = waiting.findIndex((call, index) => !fits(call) && index > 0)
    const batch = tooMany === -1 ? waiting : waiting.slice(0, tooMany)
    waiting = waiting.slice(batch.length)
    for (const call of batch) {
      waitingRecords -= call.records.length
      waitingBytes -= call.bytes
    }
    return batch.filter(({ settled }) => !settled)
  }

  /** One call may be larger than a request: then it goes in several, in order. */
  const requestsOf = (records: readonly OutgoingRecord[]): OutgoingRecord[][] => {
    const requests: OutgoingRecord[][] = []
    let partitions = new Map<string, number>()
    for (const record of records) {
      const place = `${record.topic}/${record.partition}`
      const size = (partitions.get(place) ?? 0) + sizeOf(record)
      if (requests.length === 0 || size > PARTITION_BYTES) {
        requests.push([])
        partitions = new Map()
      }
      partitions.set(place, (partitions.get(place) ?? 0) + sizeOf(record))
      requests.at(-1)?.push(record)
    }
    return requests
  }

  const sendBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const last = Math.max(...batch.map(({ until }) => until))
    // Whoever waits for these records has been told by then that they may or may not be there; they must not come much later.
    const giveUp = setTimeout(() => producer.discard(), Math.max(last - performance.now(), 0))
    try {
      const offsets: number[] = []
      for (const request of requestsOf(batch.flatMap(({ records }) => records))) {
        offsets.push(...(await producer.send(request)))
      }
      let next = 0
      for (const call of batch) {
        const own = offsets.slice(next, (next += call.records.length))
        settle(call, () => call.resolve(own))
      }
    } catch (error) {
      producer.discard()
      const failure = translate(error)
      const isTooLarge = answerOf(error) === 'MESSAGE_TOO_LARGE'
      for (const call of batch) {
        settle(call, () =>
          call.reject(
            isTooLarge
              ? new AppError(
                  'payload-too-large',
                  'A topic takes smaller records than it should; run `pairstream doctor`.',
                )
              : failure.kind === 'unavailable'
                ? unconfirmed('The log did not confirm the records', error)
                : failure,
          ),
        )
      }
    } finally {
      clearTimeout(giveUp)
    }
  }

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      // Whatever is asked for in this turn of the event loop shares the request.
      await new Promise((resolve) => setImmediate(resolve))
      const batch = takeBatch()
      if (batch.length > 0) await sendBatch(batch)
    }
    running = null
  }

  const abandon = (): void => {
    for (const call of waiting) settle(call, () => call.reject(unconfirmed('The log was closed before it answered')))
    waiting = []
    producer.discard()
  }

  const enqueue = (records: readonly OutgoingRecord[], bytes: number): Promise<readonly number[]> =>
    new Promise((resolve, reject) => {
      const call: Waiting = {
        records,
        bytes,
        until: performance.now() + limits.deadline,
        resolve: (offsets) => {
          clearTimeout(timer)
          resolve(offsets)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
        settled: false,
      }
      const late = (): void => settle(call, () => call.reject(unconfirmed('The log did not answer in time')))
      const timer = setTimeout(late, limits.deadline)
      waiting.push(call)
      waitingRecords += records.length
      waitingBytes += bytes
      running ??= drain()
    })

  return {
    async send(records) {
      if (closed) throw new AppError('log-unavailable', 'The log is closed.')
      const sizes = records.map(sizeOf)
      if (sizes.some((size) => size > PARTITION_BYTES)) {
        throw new AppError(
          'payload-too-large',
          `A record may have ${PARTITION_BYTES} bytes; publish the picture as a blob.`,
        )
      }
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      const isFull = waitingRecords + records.length > limits.records || waitingBytes + bytes > limits.bytes
      // A call larger than the whole queue is taken when nothing else waits: it could never be otherwise.
      if (waiting.length > 0 && isFull) throw unconfirmed(`${waitingRecords} records wait to be written: slow down`)
      return enqueue(records, bytes)
    },
    async close() {
      closed = true
      const tooLong = setTimeout(abandon, LONGEST_CLOSE)
      await running
      clearTimeout(tooLong)
      producer.discard()
    },
  }
}
