import { AppError } from '../../../core/errors.ts'
import type { Topic } from '../../../core/events.ts'
import type { IncomingRecord } from './record-batches.ts'

/** A partition that a consumer reads: records are fetched ahead into it and handled from it in order, by one worker at a time. */
export interface Lane<T extends Topic = Topic> {
  readonly topic: T
  /** The full name of the topic. */
  readonly name: string
  readonly partition: number
  /** Raised when the consumer stops, and, with an `AppError` as its reason, when the partition is another's now. */
  readonly signal: AbortSignal
  /** Whether the partition is another's now: nothing may be committed for it. */
  readonly isLost: boolean
  /** Where to fetch from next. */
  readonly fetchOffset: number
  /** What it holds, and roughly what that takes in memory. */
  readonly bufferedBytes: number
  /** Grows with every batch that is taken from any lane: the one with the smallest has waited longest. */
  lastTurn: number
  /** Whether the last answer told nothing; the partition is then asked for alone. */
  isPuzzling: boolean

  /** Adds what was fetched; `next` is where to fetch from then. */
  add(records: readonly IncomingRecord[], next: number): void
  /** Whether there is something to handle: records, or a gap to pass. */
  hasWork(): boolean
  /** The records of the next batch; empty for a gap. `next` is the offset that is reached with them. */
  take(maxRecords: number, maxBytes: number): { readonly records: readonly IncomingRecord[]; readonly next: number }
  /** Goes back to where the log begins, as it has lost what was to be read next: reaching it is work, as a gap is. */
  rewind(beginning: number): void
  lose(): void
  stop(): void
}

const bytesOf = ({ key, value }: IncomingRecord): number => (key?.length ?? 0) + (value?.length ?? 0)
/** Very many small records must not pass for nothing. */
const spaceOf = (record: IncomingRecord): number => 100 + bytesOf(record)

export function createLane<T extends Topic>(topic: T, name: string, partition: number, from: number): Lane<T> {
  const controller = new AbortController()
  let buffer: IncomingRecord[] = []
  let bufferedBytes = 0
  let fetchOffset = from
  let position = from
  let isLost = false

  return {
    topic,
    name,
    partition,
    signal: controller.signal,
    get isLost() {
      return isLost
    },
    get fetchOffset() {
      return fetchOffset
    },
    get bufferedBytes() {
      return bufferedBytes
    },
    lastTurn: 0,
    isPuzzling: false,

    add(records, next) {
      buffer = [...buffer, ...records]
      for (const record of records) bufferedBytes += spaceOf(record)
      fetchOffset = Math.max(fetchOffset, next)
    },
    hasWork: () => buffer.length > 0 || fetchOffset > position,
    take(maxRecords, maxBytes) {
      let bytes = 0
      const tooMany = buffer.findIndex((record, index) => {
        bytes += bytesOf(record)
        return index >= maxRecords || (index > 0 && bytes > maxBytes)
      })
      const records = tooMany === -1 ? buffer : buffer.slice(0, tooMany)
      buffer = tooMany === -1 ? [] : buffer.slice(tooMany)
      for (const record of records) bufferedBytes -= spaceOf(record)
      const last = records.at(-1)
      position = last === undefined ? fetchOffset : last.offset + 1
      return { records, next: position }
    },
    rewind(beginning) {
      buffer = []
      bufferedBytes = 0
      fetchOffset = beginning
      position = beginning - 1
    },
    lose() {
      isLost = true
      controller.abort(new AppError('not-ready', 'The partition is now read by another member of the group.'))
    },
    stop: () => controller.abort(),
  }
}
