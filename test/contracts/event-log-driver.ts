import type { EventLog } from '../../src/ports/event-log.ts'

/** A log of its own for one test. */
export type LogUnderTest = {
  readonly log: EventLog
  /** Closes the log and opens the same one again. */
  reopen(): Promise<EventLog>
  /** Appends bytes that are no record, as a foreign producer might. */
  appendUnreadable(topic: 'pairs', partition: number, key: string): Promise<void>
  /** Closes the log, if it is open, and removes it. */
  remove(): Promise<void>
}

export type EventLogDriver = {
  /** A new, empty log with `partitions` partitions; `clock` gives new records their time where `maintains` is set. */
  create(clock?: () => number): Promise<LogUnderTest>
  /** Whether `maintain` does compaction and retention itself, by the time it is given. */
  readonly maintains: boolean
  readonly partitions: number
  /** How many interleavings the property test tries. */
  readonly runs: number
}
