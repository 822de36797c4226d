import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from 'kafkajs'
import type { Connection } from './connection.ts'
import { answerOf, translate } from './failures.ts'
import { fetchFrom, type Fetched, type FetchLimits } from './fetch.ts'
import type { Lane } from './lane.ts'
import type { KafkaLogListener } from './options.ts'

/** Keeps lanes filled, as long as they have room. */
export interface Fetcher {
  /** To be called when lanes came, went or were emptied. */
  pump(): void
  stop(): void
}

const limits: FetchLimits = { wait: 500, bytes: 8_000_000, partitionBytes: 2_000_000 }
/** How long a broker may wait for a record while lanes are left out because they are full: they may be emptied before it answers. */
const SHORT_WAIT = 20
/** One partition alone, and more than one batch of it: an answer without records then means that there are none. */
const probe: FetchLimits = { wait: 500, bytes: 16_000_000, partitionBytes: 16_000_000 }
/** A lane with less than this is filled up, as long as all have less than that. */
const LANE_BYTES = 1_000_000
const ALL_BYTES = 32_000_000
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000

/**
 * Fetches for all lanes at once, with one request at a time to each broker that leads some of them. A failure makes it wait
 * and begin again: the broker may be away, or another may lead now.
 */
export function createFetcher(
  connection: Connection,
  lanes: () => readonly Lane[],
  onFilled: () => void,
  onLog: KafkaLogListener | undefined,
): Fetcher {
  const stopping = new AbortController()
  const fetching = new Set<string>()
  let isPumping = false
  let isWanted = false
  let pause = FIRST_PAUSE

  const hungry = (): Lane[] => {
    const all = lanes()
    const isFull = all.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0) >= ALL_BYTES
    return all.filter(({ bufferedBytes }) => bufferedBytes === 0 || (bufferedBytes < LANE_BYTES && !isFull))
  }

  const byLeader = (cluster: Cluster, some: readonly Lane[]): Map<string, Lane[]> => {
    const groups = new Map<string, Lane[]>()
    for (const lane of some) {
      const [leader] = Object.keys(cluster.findLeaderForPartitions(lane.name, [lane.partition]))
      if (leader !== undefined) groups.set(leader, [...(groups.get(leader) ?? []), lane])
    }
    return groups
  }

  const ledBy = (cluster: Cluster, leader: string): readonly Lane[] => byLeader(cluster, lanes()).get(leader) ?? []

  const accept = (lane: Lane, { records, next, end }: Fetched, wasAlone: boolean): void => {
    if (next !== null) {
      lane.isPuzzling = false
      lane.add(records, next)
    } else if (end <= lane.fetchOffset) lane.isPuzzling = false
    // Batches that compaction emptied hold no record that would tell where they end.
    else if (wasAlone) lane.add([], end)
    else lane.isPuzzling = true
  }

  const fetchLanes = async (cluster: Cluster, leader: string, led: readonly Lane[]): Promise<void> => {
    const puzzling = led.find(({ isPuzzling }) => isPuzzling)
    const asked = puzzling === undefined ? led : [puzzling]
    const places = asked.map(({ name, partition, fetchOffset }) => ({ topic: name, partition, offset: fetchOffset }))
    const broker = await cluster.findBroker({ nodeId: leader })
    const wait = led.length === ledBy(cluster, leader).length ? limits.wait : SHORT_WAIT
    const answers = await fetchFrom(broker, places, puzzling === undefined ? { ...limits, wait } : probe)
    for (const answer of answers) {
      const lane = asked.find(({ name, partition }) => name === answer.topic && partition === answer.partition)
      if (lane !== undefined) accept(lane, answer, puzzling !== undefined)
    }
  }

  /** The records there are gone by retention: goes on at the first that is left. */
  const passRetention = async (cluster: Cluster, some: readonly Lane[]): Promise<void> => {
    for (const lane of some) {
      const { name: topic, partition } = lane
      const [first] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: true }])
      const offset = Number(first?.partitions[0]?.offset ?? 0)
      if (offset > lane.fetchOffset) lane.add([], offset)
    }
  }

  const recover = async (error: unknown, some: readonly Lane[]): Promise<void> => {
    if (stopping.signal.aborted) return
    if (answerOf(error) === 'OFFSET_OUT_OF_RANGE') {
      await connection.use((cluster) => passRetention(cluster, some)).catch(() => undefined)
    } else onLog?.('warn', `Fetching: ${translate(error).message}`)
    await delay(pause, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }

  const startFetch = (leader: string, led: readonly Lane[]): void => {
    fetching.add(leader)
    void connection
      .use((cluster) => fetchLanes(cluster, leader, led))
      .then(() => {
        pause = FIRST_PAUSE
      })
      .catch((error: unknown) => recover(error, led))
      .finally(() => {
        fetching.delete(leader)
        onFilled()
        pump()
      })
  }

  const startFetches = async (): Promise<void> => {
    const some = hungry()
    if (some.length === 0) return
    try {
      const groups = await connection.use(async (cluster) => byLeader(cluster, some))
      if (stopping.signal.aborted) return
      for (const [leader, led] of groups) if (!fetching.has(leader)) startFetch(leader, led)
    } catch (error) {
      await recover(error, [])
      isWanted = true
    }
  }

  const pumpOn = async (): Promise<void> => {
    isPumping = true
    while (isWanted && !stopping.signal.aborted) {
      isWanted = false
      await startFetches()
    }
    isPumping = false
  }

  const pump = (): void => {
    isWanted = true
    if (!isPumping) void pumpOn()
  }

  return { pump, stop: () => stopping.abort() }
}
