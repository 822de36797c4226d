import type { DeadTopic, Topic, TopicValues } from '../core/events.ts'
import type { ErrorCode } from '../core/errors.ts'

/** The next offset to read, by partition. */
export type Offsets = ReadonlyMap<number, number>

export type Position = { readonly topic: Topic | DeadTopic; readonly partition: number; readonly offset: number }

export type NewRecord<T extends Topic = Topic> = {
  [K in T]: {
    readonly topic: K
    readonly key: string
    /** null is a tombstone: it erases the key in a compacted topic. */
    readonly value: TopicValues[K] | null
    /** Absent: murmur2(key) for ordinary topics, murmur2(imageId) for `pairs`. */
    readonly partition?: number
    readonly headers?: Readonly<Record<string, string>>
  }
}[T]

/** A dead record: the coordinates, cause and attempts of what failed, in headers; never its value. */
export type NewDeadRecord = {
  readonly topic: DeadTopic
  readonly key: string
  readonly partition: number
  readonly headers: Readonly<Record<string, string>>
}

type RecordOf<K extends Topic> = {
  readonly topic: K
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch at which the log took it. */
  readonly timestamp: number
  readonly key: string
  /** null for a tombstone and for a record that could not be decoded (`problem` says which). */
  readonly value: TopicValues[K] | null
  /** Why the value could not be decoded; null when it could. */
  readonly problem: ErrorCode | null
  readonly headers: Readonly<Record<string, string>>
}
export type LogRecord<T extends Topic = Topic> = { [K in T]: RecordOf<K> }[T]

export type DeadRecord = Position & {
  readonly topic: DeadTopic
  readonly timestamp: number
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
}

export type ConsumeOptions<T extends Topic> = {
  readonly topics: readonly T[]
  /** At most this many records a batch; a batch holds records of one partition only. Default 256. */
  readonly maxRecords?: number
  /** How many partitions are handled at once. Default 1. */
  readonly partitionsAtOnce?: number
  /**
   * Takes the records in offset order within a partition; the next batch of the partition waits for it. It must not throw
   * for reasons it can handle: a throw stops the consumer, whose `done` rejects. `signal` is raised on `stop`, and, with an
   * `AppError` as its reason, when the partition has become another member's: whatever is written from then on may be out of date.
   */
  readonly handle: (records: readonly LogRecord<T>[], signal: AbortSignal) => Promise<void>
  /** Told that the newest records of a partition, up to `next`, are gone: compaction or retention took them. */
  readonly onGap?: (topic: T, partition: number, next: number) => void
  /**
   * Told, for a tail, that a partition ends before the offset to read next: the log was restored, cut short, or begun anew. What it
   * throws ends the consumer. A group goes back to the first record that is there.
   */
  readonly onTruncated?: (topic: T, partition: number) => void
}

export interface Consumer {
  /** Settles when the consumer has ended: by `stop`, or with what `handle` threw. */
  readonly done: Promise<void>
  /** False while the partition is another member's to read, and once this one is stopped. */
  reads(topic: Topic, partition: number): boolean
  /** Lets the batch in hand finish (and commit), then ends. */
  stop(): Promise<void>
}

/**
 * An ordered, durable, partitioned log. Guarantees: `append` resolves once the records are durable and keeps their order
 * within a partition; delivery is at least once and in order within a partition; a group's offset moves only after `handle`
 * has resolved, and backwards by `seekGroup` and where it is past the end; compaction keeps the newest record of every key and its tombstone for 30 days.
 */
export interface EventLog {
  /** Tells this log from every other: offsets of one mean nothing in another. */
  identity(): Promise<string>
  /** Past 10 s without an answer: `publish-unconfirmed`; the records may still arrive. Full disk: `storage-full`. */
  append(records: readonly (NewRecord | NewDeadRecord)[]): Promise<readonly Position[]>
  /** Consumes as a member of `group`, from its committed offsets (from the first record where it has none). */
  consume<T extends Topic>(group: string, options: ConsumeOptions<T>): Consumer
  /** Reads all partitions from `from(topic)` (default: the first record) and commits nothing: the caller keeps the offsets. */
  tail<T extends Topic>(from: (topic: T) => Offsets, options: ConsumeOptions<T>): Consumer
  /** One record by its coordinates; null once it is compacted or past its retention. */
  read<T extends Topic>(topic: T, partition: number, offset: number): Promise<LogRecord<T> | null>
  /** All dead records of a topic, oldest first. */
  dead(topic: Topic): Promise<readonly DeadRecord[]>
  partitions(topic: Topic): Promise<number>
  /** The offset that the next record of each partition will have. */
  endOffsets(topic: Topic): Promise<Offsets>
  /** By partition, where what was taken at `timestamp` (milliseconds since the epoch) or later begins; the end where there is none. */
  offsetsAt(topic: Topic, timestamp: number): Promise<Offsets>
  /** The group's next offsets; partitions without a commit are absent. */
  committedOffsets(group: string, topic: Topic): Promise<Offsets>
  /** All groups that have committed offsets. */
  groups(): Promise<readonly string[]>
  /** Forgets a group's offsets. */
  deleteGroup(group: string): Promise<void>
  /**
   * Sets the next offsets of the partitions that `offsets` names, from 0 to the end of each (else `invalid-request`), and leaves the
   * others. Members that run go on from there once their batch in hand is done; a driver that cannot make them throws
   * `group-running` and changes nothing.
   */
  seekGroup(group: string, topic: Topic, offsets: Offsets): Promise<void>
  /** Compaction and retention as of `now` where the driver does them itself; brokers do their own. */
  maintain(now: number): Promise<void>
  close(): Promise<void>
}
