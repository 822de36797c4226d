import { AppError } from '../../../core/errors.ts'
import type { DeadTopic, Topic } from '../../../core/events.ts'
import type { DeadRecord, LogRecord } from '../../../ports/event-log.ts'
import { isCompacted, type AnyTopic } from '../topic-settings.ts'
import type { Connection } from './connection.ts'
import { answerOf } from './failures.ts'
import { fetchFrom, type Fetched, type FetchLimits } from './fetch.ts'
import { leaderOf, onceLed } from './leaders.ts'
import type { BrokerOffsets } from './offsets.ts'
import { decodeDead, decodeRecord } from './record-decoder.ts'
import type { ValueCodec } from './value-codec.ts'

/** Reads that no consumer makes; topics by their full names beside their own. */
export interface SingleReads {
  /** Null where there is no such record, or not any more. */
  record<T extends Topic>(topic: T, name: string, partition: number, offset: number): Promise<LogRecord<T> | null>
  /** All dead records of the partitions, oldest first. */
  dead(topic: DeadTopic, name: string, partitions: readonly number[]): Promise<DeadRecord[]>
}

type Sizes = Omit<FetchLimits, 'wait'>
/** A batch is given whole, however small the limit. */
const oneBatch: Sizes = { bytes: 1, partitionBytes: 1 }
const manyBatches: Sizes = { bytes: 16_000_000, partitionBytes: 16_000_000 }
/** How long a broker that gave nothing may wait when it is asked again, in milliseconds. */
const WAIT = 200
/** How many answers in a row may hold nothing although there is more: a broker gives such where a quota is used up. */
const MOST_EMPTY = 50

export function createSingleReads(connection: Connection, offsets: BrokerOffsets, codec: ValueCodec): SingleReads {
  /** Undefined where the answer leaves the partition out. */
  const fetchOnce = (
    name: string,
    partition: number,
    offset: number,
    limits: FetchLimits,
  ): Promise<Fetched | undefined> =>
    connection.use(async (cluster) => {
      await onceLed(cluster, name, [partition])
      const leader = leaderOf(cluster, name, partition)
      if (leader === null) return undefined
      const broker = await cluster.findBroker({ nodeId: leader })
      const [fetched] = await fetchFrom(broker, [{ topic: name, partition, offset }], limits)
      if (fetched !== undefined && fetched.failure !== null) throw fetched.failure
      return fetched
    })

  /** Asks until an answer tells what is at the offset, or that it is the end. */
  const fetchAt = async (topic: AnyTopic, name: string, partition: number, offset: number, sizes: Sizes) => {
    let mayBeGap = isCompacted(topic) // compaction may leave nothing up to the end
    for (let answers = 1; ; answers++) {
      const fetched = await fetchOnce(name, partition, offset, { ...sizes, wait: answers === 1 ? 0 : WAIT })
      if (fetched !== undefined && ((fetched.next ?? 0) > offset || fetched.end <= offset)) return fetched
      mayBeGap &&= fetched?.isEmpty === true
      if (answers < MOST_EMPTY) continue
      if (fetched !== undefined && mayBeGap) return fetched
      throw new AppError('log-unavailable', `Kafka does not give what is in ${name}; try again.`)
    }
  }

  const readAll = async (topic: DeadTopic, name: string, partition: number, from: number, end: number) => {
    const records: DeadRecord[] = []
    for (let offset: number | null = from; offset !== null && offset < end;) {
      const fetched: Fetched = await fetchAt(topic, name, partition, offset, manyBatches)
      for (const record of fetched.records) records.push(decodeDead(topic, partition, record))
      offset = fetched.next
    }
    return records
  }

  return {
    async record(topic, name, partition, offset) {
      try {
        const fetched = await fetchAt(topic, name, partition, offset, oneBatch)
        const found = fetched.records.find((record) => record.offset === offset)
        return found === undefined ? null : await decodeRecord(topic, partition, found, codec.decodeNow)
      } catch (error) {
        if (answerOf(error) === 'OFFSET_OUT_OF_RANGE') return null
        throw error
      }
    },

    async dead(topic, name, partitions) {
      const [from, to] = await Promise.all([offsets.beginnings(name, partitions), offsets.ends(name, partitions)])
      const records = await Promise.all(
        partitions.map((partition) =>
          readAll(topic, name, partition, from.get(partition) ?? 0, to.get(partition) ?? 0),
        ),
      )
      return records
        .flat()
        .sort((a, b) => a.timestamp - b.timestamp || a.partition - b.partition || a.offset - b.offset)
    },
  }
}
