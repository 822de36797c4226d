import type { Topic } from '../../../core/events.ts'
import type { ConsumeOptions, LogRecord } from '../../../ports/event-log.ts'
import { BATCH_BYTES, DEFAULT_BATCH_RECORDS, whenAvailable } from '../consumer-loop.ts'
import type { IncomingRecord } from './record-batches.ts'
import type { Lane } from './lane.ts'

/** Those that handle what the lanes hold. They work outside of anything that keeps the consumer in its group. */
export interface LaneWorkers {
  /** To be called when lanes were filled, or came. */
  wake(): void
  /** Takes no batch until `resume`; resolves when none is in hand, or after `milliseconds`. */
  pause(milliseconds: number): Promise<void>
  resume(): void
  /** Takes no further batch. */
  stop(): void
  /** Settles when all have ended: rejects with what `handle` threw. */
  readonly done: Promise<void>
}

export type LaneWork<T extends Topic> = {
  readonly options: ConsumeOptions<T>
  readonly lanes: () => readonly Lane<T>[]
  /** Throws `unavailable` errors only. */
  readonly decode: (lane: Lane<T>, records: readonly IncomingRecord[]) => Promise<LogRecord<T>[]>
  /** Resolves once it is durable that the lane is handled up to `next`, or once the lane is lost. Does not throw. */
  readonly advance: (lane: Lane<T>, next: number) => Promise<void>
  /** Told that there may be room for more in a lane. */
  readonly onTaken: () => void
}

const placeOf = ({ name, partition }: Lane): string => `${name}/${partition}`

export function startLaneWorkers<T extends Topic>(work: LaneWork<T>): LaneWorkers {
  const { options } = work
  /** By place: a partition that is lost and given back is not handled twice at once. */
  const inHand = new Set<string>()
  const sleeping = new Set<() => void>()
  let turn = 0
  let isPaused = false
  const state = { stopped: false }

  const wake = (): void => {
    for (const rouse of [...sleeping]) rouse()
  }

  const sleep = (): Promise<void> =>
    new Promise((resolve) => {
      const rouse = (): void => {
        sleeping.delete(rouse)
        resolve()
      }
      sleeping.add(rouse)
    })

  const claim = (): Lane<T> | null => {
    if (isPaused) return null
    const ready = work.lanes().filter((lane) => !lane.isLost && !inHand.has(placeOf(lane)) && lane.hasWork())
    const [longest] = ready.sort((a, b) => a.lastTurn - b.lastTurn)
    if (longest === undefined) return null
    longest.lastTurn = ++turn
    inHand.add(placeOf(longest))
    return longest
  }

  const deliver = async (lane: Lane<T>, incoming: readonly IncomingRecord[], next: number): Promise<boolean> => {
    const { topic, partition, signal } = lane
    if (incoming.length === 0) {
      await whenAvailable(() => options.onGap?.(topic, partition, next), signal)
      return true
    }
    const records = await whenAvailable(() => work.decode(lane, incoming), signal)
    if (records === undefined) return false
    try {
      await options.handle(records, signal)
      return true
    } catch (error) {
      // Whoever has the partition now gets the records again.
      if (lane.isLost) return false
      throw error
    }
  }

  const handleBatch = async (lane: Lane<T>): Promise<void> => {
    const { records, next } = lane.take(options.maxRecords ?? DEFAULT_BATCH_RECORDS, BATCH_BYTES)
    work.onTaken()
    if (await deliver(lane, records, next)) await work.advance(lane, next)
  }

  const workOn = async (): Promise<void> => {
    while (!state.stopped) {
      const lane = claim()
      if (lane === null) {
        await sleep()
        continue
      }
      try {
        await handleBatch(lane)
      } catch (error) {
        state.stopped = true
        throw error
      } finally {
        inHand.delete(placeOf(lane))
        wake()
      }
    }
  }

  const workers = Array.from({ length: options.partitionsAtOnce ?? 1 }, workOn)
  const finish = async (): Promise<void> => {
    for (const outcome of await Promise.allSettled(workers)) if (outcome.status === 'rejected') throw outcome.reason
  }
  const done = finish()
  done.catch(() => undefined) // who starts the workers awaits `done` in its own time

  return {
    wake,
    async pause(milliseconds) {
      isPaused = true
      const patience = { isOver: false }
      const timer = setTimeout(() => {
        patience.isOver = true // a clock that is read instead may not have got there yet
        wake()
      }, milliseconds)
      while (inHand.size > 0 && !patience.isOver) await sleep()
      clearTimeout(timer)
    },
    resume() {
      isPaused = false
      wake()
    },
    stop() {
      state.stopped = true
      wake()
    },
    done,
  }
}
