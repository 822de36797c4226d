import { setTimeout as delay } from 'node:timers/promises'
import type { Topic } from '../../../core/events.ts'
import type { Consumer, ConsumeOptions, Offsets } from '../../../ports/event-log.ts'
import type { RenewableConnection } from './connection.ts'
import { createDeferred } from './deferred.ts'
import { createFetcher } from './fetcher.ts'
import { createLane, type Lane } from './lane.ts'
import { startLaneWorkers, type LaneWorkers } from './lane-workers.ts'
import { joinGroup } from './membership.ts'
import type { KafkaLogListener } from './options.ts'
import { decodeRecord } from './record-decoder.ts'
import type { OwnedPartition } from './sticky-assignment.ts'
import type { ValueCodec } from './value-codec.ts'

export type ConsumerDependencies = {
  /** Of this consumer alone: it is closed with it. */
  readonly connection: RenewableConnection
  readonly codec: ValueCodec
  readonly nameOf: (topic: Topic) => string
  readonly partitions: (topic: Topic) => number
  readonly onLog?: KafkaLogListener | undefined
}

export type GroupDependencies = ConsumerDependencies & {
  /** The full name. */
  readonly group: string
  readonly sessionTimeout: number
  readonly committed: (topic: Topic, partitions: readonly number[]) => Promise<Offsets>
}

/** How long a rebalance waits for batches in hand: long enough for most, so that few are delivered twice. */
const LONGEST_DRAIN = 3_000
/**
 * How long a stop waits for batches in hand before the group is left without them, in milliseconds. Whoever stops a process ends it soon
 * after; their partitions would then be nobody's until the session is over.
 */
const LONGEST_LAST_BATCH = 7_000

type Reading<T extends Topic> = {
  readonly workers: LaneWorkers
  lanes(): readonly Lane<T>[]
  /** Reads these lanes from now on. */
  read(lanes: readonly Lane<T>[]): void
  /** Takes no further batch and fetches nothing more. */
  stop(): void
  end(): void
}

function startReading<T extends Topic>(
  options: ConsumeOptions<T>,
  { connection, codec, onLog }: ConsumerDependencies,
  advance: (lane: Lane<T>, next: number) => Promise<void>,
  onTruncated: (lane: Lane<T>, beginning: number) => void,
): Reading<T> {
  let lanes: readonly Lane<T>[] = []
  const fetcher = createFetcher({
    connection,
    lanes: () => lanes,
    onFilled: () => workers.wake(),
    onTruncated,
    onLog,
  })
  const workers = startLaneWorkers({
    options,
    lanes: () => lanes,
    decode: ({ topic, partition }, records) =>
      Promise.all(records.map((record) => decodeRecord(topic, partition, record, codec.decode))),
    advance,
    onTaken: () => fetcher.pump(),
  })
  return {
    workers,
    lanes: () => lanes,
    read(these) {
      lanes = these
      fetcher.pump()
      workers.wake()
    },
    stop() {
      workers.stop()
      fetcher.stop()
      for (const lane of lanes) lane.stop()
    },
    end: () => connection.close(),
  }
}

/** Ends `reading` once it was stopped or has failed; `leave` comes in between, before the last batch is done where that takes long. */
function endOf<T extends Topic>(
  reading: Reading<T>,
  stopping: AbortController,
  failed: Promise<never>,
  leave: () => Promise<void>,
): Consumer {
  const stopped = createDeferred()
  const stop = (): void => {
    stopping.abort()
    reading.stop()
    stopped.resolve()
  }
  const finish = async (): Promise<void> => {
    const { workers } = reading
    const idle = workers.done.catch(() => undefined)
    try {
      await Promise.race([workers.done, failed, stopped.promise])
    } finally {
      stop()
      await Promise.race([idle, delay(LONGEST_LAST_BATCH, undefined, { ref: false })])
      await leave()
      await idle
      reading.end()
    }
    await workers.done
  }
  const done = finish()
  done.catch(() => undefined) // who wants to know of a failure awaits `done`; nobody has to

  return {
    done,
    reads: (topic, partition) =>
      !stopping.signal.aborted &&
      reading.lanes().some((lane) => lane.topic === topic && lane.partition === partition && !lane.isLost),
    async stop() {
      stop()
      await done.catch(() => undefined)
    },
  }
}

/** Reads all partitions from offsets that the caller keeps, without a group. */
export function startTail<T extends Topic>(
  from: (topic: T) => Offsets,
  options: ConsumeOptions<T>,
  dependencies: ConsumerDependencies,
): Consumer {
  const stopping = new AbortController()
  const failed = createDeferred<never>()
  failed.promise.catch(() => undefined) // the consumer races it against its work
  const tell = async ({ topic, partition }: Lane<T>) => options.onTruncated?.(topic, partition)
  const nothing = async () => undefined
  const reading = startReading(options, dependencies, nothing, (lane) => void tell(lane).catch(failed.reject))
  const lanes = options.topics.flatMap((topic) => {
    const offsets = from(topic)
    return Array.from({ length: dependencies.partitions(topic) }, (_, partition) =>
      createLane(topic, dependencies.nameOf(topic), partition, offsets.get(partition) ?? 0),
    )
  })
  reading.read(lanes)
  return endOf(reading, stopping, failed.promise, nothing)
}

/** Reads, as a member of a group, the partitions that the group gives it, and commits what is handled. */
export function startGroupConsumer<T extends Topic>(
  options: ConsumeOptions<T>,
  dependencies: GroupDependencies,
): Consumer {
  const { group, sessionTimeout, nameOf, partitions } = dependencies
  const stopping = new AbortController()
  const topicsByName = new Map(options.topics.map((topic) => [nameOf(topic), topic]))

  const reading = startReading(
    options,
    dependencies,
    (lane, next) =>
      membership.commit({ topic: lane.name, partition: lane.partition, offset: next, isLost: () => lane.isLost }),
    // Effects are idempotent: what is there is handled once more, and nothing that filled the gap is passed over.
    (lane, beginning) => lane.rewind(beginning),
  )

  const loseAllBut = (kept: readonly Lane<T>[]): void => {
    for (const lane of reading.lanes()) if (!kept.includes(lane)) lane.lose()
    reading.read(kept)
  }

  const newLanes = async (topic: T, assigned: readonly number[]): Promise<Lane<T>[]> => {
    if (assigned.length === 0) return []
    const offsets = await dependencies.committed(topic, assigned)
    return assigned.map((partition) => createLane(topic, nameOf(topic), partition, offsets.get(partition) ?? 0))
  }

  const adopt = async (assigned: readonly OwnedPartition[]): Promise<void> => {
    const isAssigned = (lane: Lane<T>): boolean =>
      assigned.some(({ topic, partition }) => lane.name === topic && lane.partition === partition)
    const kept = reading.lanes().filter(isAssigned)
    loseAllBut(kept)
    const added = [...topicsByName].map(([name, topic]) =>
      newLanes(
        topic,
        assigned
          .filter((owned) => owned.topic === name)
          .map(({ partition }) => partition)
          .filter((partition) => !kept.some((lane) => lane.name === name && lane.partition === partition)),
      ),
    )
    const fresh = (await Promise.all(added)).flat()
    const lanes = [...kept.filter((lane) => !lane.isLost), ...fresh]
    if (stopping.signal.aborted) for (const lane of lanes) lane.stop()
    reading.workers.resume()
    reading.read(lanes)
  }

  const membership = joinGroup({
    connection: dependencies.connection,
    group,
    topics: [...topicsByName.keys()],
    partitions: [...topicsByName].flatMap(([name, topic]) =>
      Array.from({ length: partitions(topic) }, (_, partition) => ({ topic: name, partition })),
    ),
    sessionTimeout,
    stopping: stopping.signal,
    onRebalance: () => reading.workers.pause(Math.min(LONGEST_DRAIN, sessionTimeout / 3)),
    onAssigned: adopt,
    onLost: () => loseAllBut([]),
    onLog: dependencies.onLog,
  })

  return endOf(reading, stopping, membership.failed, async () => {
    loseAllBut([]) // what is still in hand must not be committed any more
    await membership.leave()
  })
}
