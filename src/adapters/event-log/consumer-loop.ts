import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import type { Topic } from '../../core/events.ts'
import type { Consumer, ConsumeOptions, LogRecord } from '../../ports/event-log.ts'
import type { Lane, Progress } from './progress.ts'
import type { RecordReader } from './record-reader.ts'
import type { WakeUp } from './wake-up.ts'

/** The bytes of values in one batch, so that a batch of pictures fits into memory. */
export const BATCH_BYTES = 8_000_000
export const DEFAULT_BATCH_RECORDS = 256
const FIRST_WAIT = 50
const LONGEST_WAIT = 5_000

type Batch<T extends Topic> = {
  readonly lane: Lane<T>
  readonly records: readonly LogRecord<T>[]
  readonly from: number
  readonly next: number
}

/** Tries again, ever more slowly, while something is unavailable; undefined once the signal is raised meanwhile. */
export async function whenAvailable<R>(attempt: () => R | Promise<R>, signal: AbortSignal): Promise<R | undefined> {
  for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'unavailable') throw error
      if (signal.aborted) return undefined
    }
    await delay(wait, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

/**
 * Delivers records batch by batch until it is stopped or `handle` throws: in order within a lane, up to `partitionsAtOnce`
 * lanes at once, the lanes in turn so that a busy one starves no other.
 */
export function startConsumer<T extends Topic>(
  options: ConsumeOptions<T>,
  progress: Progress<T>,
  reader: RecordReader,
  wakeUp: WakeUp,
): Consumer {
  const stopping = new AbortController()
  const { signal } = stopping
  const limits = { records: options.maxRecords ?? DEFAULT_BATCH_RECORDS, bytes: BATCH_BYTES }
  let lanes: Lane<T>[] | null = null

  const allLanes = (): Lane<T>[] =>
    (lanes ??= options.topics.flatMap((topic) =>
      [...reader.endOffsets(topic).keys()].map((partition) => ({ topic, partition })),
    ))

  const readLane = (lane: Lane<T>, from: number, end: number): Batch<T> => {
    const records = reader.batch(lane.topic, lane.partition, from, limits)
    // Nothing before the end: compaction or retention took it, and the consumer passes the gap.
    const last = records.at(-1)
    return { lane, records, from, next: last === undefined ? end : last.offset + 1 }
  }

  /** Claims a lane that has something and reads its next batch; null when there is nothing to take. */
  const take = (): Batch<T> | null => {
    const at = new Map(
      options.topics.map((topic) => [topic, { ends: reader.endOffsets(topic), positions: progress.positions(topic) }]),
    )
    for (const lane of allLanes()) {
      const end = at.get(lane.topic)?.ends.get(lane.partition) ?? 0
      const from = at.get(lane.topic)?.positions.get(lane.partition) ?? 0
      if (from >= end || !progress.claim(lane)) continue
      lanes = [...allLanes().filter((other) => other !== lane), lane]
      try {
        return readLane(lane, from, end)
      } catch (error) {
        progress.release(lane)
        throw error
      }
    }
    return null
  }

  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const seen = wakeUp.calls
      const batch = await whenAvailable(take, signal)
      if (batch === undefined) continue
      if (batch === null) {
        await wakeUp.after(seen, signal)
        continue
      }
      try {
        if (batch.records.length > 0) await options.handle(batch.records, signal)
        else await whenAvailable(() => options.onGap?.(batch.lane.topic, batch.lane.partition, batch.next), signal)
        await whenAvailable(() => progress.advance(batch.lane, batch.from, batch.next), signal)
      } finally {
        progress.release(batch.lane)
      }
      await nextTurn() // a long replay must not keep timers and sockets waiting
    }
  }

  const workers = Array.from({ length: options.partitionsAtOnce ?? 1 }, () =>
    work().catch((error: unknown) => {
      stopping.abort()
      throw error
    }),
  )
  const finish = async (): Promise<void> => {
    const outcomes = await Promise.allSettled(workers)
    wakeUp.call() // another member of the group may take over what this one held
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
  const done = finish()
  done.catch(() => undefined) // who wants to know of a failure awaits `done`; nobody has to

  return {
    done,
    // Members share each partition batch by batch: it is always anybody's to read.
    reads: () => !stopping.signal.aborted,
    async stop() {
      stopping.abort()
      await done.catch(() => undefined)
    },
  }
}
