import { AppError } from '../../../core/errors.ts'
import type { WriteQueueLimits } from '../write-queue.ts'
import { createDeferred, type Deferred } from './deferred.ts'
import { answerOf, translate } from './failures.ts'
import { BATCH_ROOM, partsOf, sizeOf, type OutgoingPart } from './outgoing-part.ts'
import type { OutgoingRecord } from './outgoing-record.ts'
import { placeOf } from './produce.ts'
import type { IdempotentProducer } from './producer.ts'

/**
 * Appends that share requests, in the order of the calls within each partition, each with a deadline. What waits for a partition
 * that does not confirm holds up no other partition.
 */
export interface SendQueue {
  /**
   * The offsets of the records, once they are durable. Throws `publish-unconfirmed` past the deadline or when too much waits,
   * `payload-too-large` for a record that no batch can hold.
   */
  send(records: readonly OutgoingRecord[]): Promise<readonly number[]>
  /** Sends what waits, for some seconds at most; later calls are refused with `log-unavailable`. */
  close(): Promise<void>
}

type Call = {
  readonly offsets: number[]
  readonly until: number
  readonly resolve: (offsets: readonly number[]) => void
  readonly reject: (error: AppError) => void
  /** Of its records, how many are not durable yet. */
  missing: number
  settled: boolean
}
type Waiting = OutgoingPart & { readonly call: Call }

const REQUEST_BYTES = 16_000_000
const REQUEST_RECORDS = 5_000
/** A partition that has not confirmed for so long, in milliseconds, is slow: the others are not to wait for it again. */
const LONGEST_TURN = 500
/** How much of the room may be taken when a call comes that has records for a slow partition. */
const SLOW_SHARE = 0.5
const MOST_IDLE = 4
/** How long the end of a process may wait for brokers that do not answer, in milliseconds. */
const LONGEST_CLOSE = 3_000

const unconfirmed = (detail: string, cause?: unknown): AppError =>
  new AppError('publish-unconfirmed', `${detail}; send the records again.`, cause === undefined ? {} : { cause })

function failureOf(error: unknown): AppError {
  const failure = translate(error)
  if (answerOf(error) === 'MESSAGE_TOO_LARGE') {
    const detail = 'A topic takes smaller records than it should; run `pairstream doctor`.'
    return new AppError('payload-too-large', detail)
  }
  return failure.kind === 'unavailable' ? unconfirmed('The log did not confirm the records', error) : failure
}

/** A producer has one request at a time on its way; there are as many as requests whose partitions have become slow, and one. */
export function createSendQueue(createProducer: () => IdempotentProducer, limits: WriteQueueLimits): SendQueue {
  let waiting: Waiting[] = []
  let waitingRecords = 0
  let waitingBytes = 0
  /** Partitions of which a batch is on its way; and those that were slow when they were last heard of. */
  const busy = new Set<string>()
  const slow = new Set<string>()
  const producers = new Set<IdempotentProducer>()
  const idle: IdempotentProducer[] = []
  let change: Deferred<void> | null = null
  let running: Promise<void> | null = null
  let closed = false

  const announceChange = (): void => {
    change?.resolve()
    change = null
  }

  const settle = (call: Call, how: () => void): void => {
    if (call.settled) return
    call.settled = true
    how()
  }

  const count = ({ records, bytes }: OutgoingPart, sign: 1 | -1): void => {
    waitingRecords += sign * records.length
    waitingBytes += sign * bytes
  }

  /** Takes off the queue what goes into one request: of each partition that is wanted as much as fits, in order. */
  const takeBatch = (isWanted: (place: string) => boolean): Waiting[] => {
    const batch: Waiting[] = []
    const [rest, passed] = [[] as Waiting[], new Set<string>()]
    const sizes = new Map<string, number>()
    let [bytes, records] = [0, 0]
    for (const part of waiting) {
      if (part.call.settled) {
        count(part, -1)
        continue
      }
      const size = (sizes.get(part.place) ?? 0) + part.bytes
      const isFull = bytes + part.bytes > REQUEST_BYTES || records + part.records.length > REQUEST_RECORDS
      if (!isWanted(part.place) || passed.has(part.place) || size > BATCH_ROOM || (isFull && batch.length > 0)) {
        passed.add(part.place)
        rest.push(part)
        continue
      }
      sizes.set(part.place, size)
      bytes += part.bytes
      records += part.records.length
      batch.push(part)
      count(part, -1)
    }
    waiting = rest
    return batch
  }

  const confirm = (parts: readonly Waiting[], firstOffset: number): void => {
    let offset = firstOffset
    for (const { call, indices } of parts) {
      for (const index of indices) call.offsets[index] = offset++
      call.missing -= indices.length
      if (call.missing === 0) settle(call, () => call.resolve(call.offsets))
    }
  }

  const refuse = (parts: readonly Waiting[], error: unknown): void => {
    const failure = failureOf(error)
    for (const { call } of parts) settle(call, () => call.reject(failure))
  }

  /** Settles the calls of a batch; `onFree` is told of each partition that may be sent to again. */
  const sendBatch = async (rest: Map<string, Waiting[]>, onFree: (place: string) => void): Promise<void> => {
    const producer = idle.pop() ?? createProducer()
    producers.add(producer)
    const parts = [...rest.values()].flat()
    const last = Math.max(...parts.map(({ call }) => call.until))
    // Whoever waits for these records has been told by then that they may or may not be there; they must not come much later.
    const giveUp = setTimeout(() => producer.discard(), Math.max(last - performance.now(), 0))
    try {
      const over = (place: string): void => {
        slow.delete(place)
        onFree(place)
      }
      await producer.send(
        parts.flatMap(({ records }) => records),
        {
          onConfirmed(batch, firstOffset) {
            const place = placeOf(batch)
            confirm(rest.get(place) ?? [], firstOffset)
            over(place)
          },
          onRefused(batch, error) {
            const place = placeOf(batch)
            refuse(rest.get(place) ?? [], error)
            over(place)
          },
        },
      )
    } catch (error) {
      producer.discard()
      refuse([...rest.values()].flat(), error)
    } finally {
      clearTimeout(giveUp)
      if (idle.length < MOST_IDLE) idle.push(producer)
      else {
        producer.discard()
        producers.delete(producer)
      }
    }
  }

  /** Resolves when the batch is done with, or has become slow. */
  const startBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const rest = new Map<string, Waiting[]>()
    for (const part of batch) {
      const parts = rest.get(part.place)
      if (parts === undefined) rest.set(part.place, [part])
      else parts.push(part)
      busy.add(part.place)
    }
    const free = (place: string): void => {
      rest.delete(place)
      busy.delete(place)
      announceChange()
    }
    const turn = createDeferred()
    const tooLong = setTimeout(() => {
      for (const place of rest.keys()) slow.add(place)
      turn.resolve()
    }, LONGEST_TURN)
    void sendBatch(rest, free).finally(() => {
      clearTimeout(tooLong)
      for (const place of rest.keys()) free(place)
      turn.resolve()
    })
    await turn.promise
  }

  const drain = async (): Promise<void> => {
    while (waiting.length > 0 || busy.size > 0) {
      // Whatever is asked for in this turn of the event loop shares the request.
      await new Promise((resolve) => setImmediate(resolve))
      const late = slow.size === 0 ? [] : takeBatch((place) => slow.has(place) && !busy.has(place))
      if (late.length > 0) void startBatch(late)
      const batch = takeBatch((place) => !slow.has(place) && !busy.has(place))
      if (batch.length > 0) await startBatch(batch)
      else if (busy.size > 0) await (change ??= createDeferred()).promise
    }
    running = null
  }

  const abandon = (): void => {
    for (const { call } of waiting)
      settle(call, () => call.reject(unconfirmed('The log was closed before it answered')))
    for (const producer of producers) producer.discard()
    announceChange()
  }

  const enqueue = (records: readonly OutgoingRecord[], sizes: readonly number[]): Promise<readonly number[]> =>
    new Promise((resolve, reject) => {
      const call: Call = {
        offsets: [],
        until: performance.now() + limits.deadline,
        resolve: (offsets) => {
          clearTimeout(timer)
          resolve(offsets)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
        missing: records.length,
        settled: false,
      }
      const late = (): void => {
        settle(call, () => call.reject(unconfirmed('The log did not answer in time')))
        announceChange() // what waits no more makes room
      }
      const timer = setTimeout(late, limits.deadline)
      for (const part of partsOf(records, sizes)) {
        waiting.push({ ...part, call })
        count(part, 1)
      }
      announceChange()
      running ??= drain()
    })

  const isFull = (records: readonly OutgoingRecord[], bytes: number): boolean => {
    const share = records.some((record) => slow.has(placeOf(record))) ? SLOW_SHARE : 1
    return waitingRecords + records.length > limits.records * share || waitingBytes + bytes > limits.bytes * share
  }

  return {
    async send(records) {
      if (closed) throw new AppError('log-unavailable', 'The log is closed.')
      const sizes = records.map(sizeOf)
      if (sizes.some((size) => size > BATCH_ROOM)) {
        throw new AppError('payload-too-large', `A record may have ${BATCH_ROOM} bytes; publish the picture as a blob.`)
      }
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      // A call larger than the whole queue is taken when nothing else waits: it could never be otherwise.
      if (waiting.length > 0 && isFull(records, bytes)) {
        throw unconfirmed(`${waitingRecords} records wait to be written: slow down`)
      }
      return enqueue(records, sizes)
    },
    async close() {
      closed = true
      const tooLong = setTimeout(abandon, LONGEST_CLOSE)
      await running
      clearTimeout(tooLong)
      for (const producer of producers) producer.discard()
    },
  }
}
