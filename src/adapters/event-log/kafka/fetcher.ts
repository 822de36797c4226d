import type { Broker, Cluster } from 'kafkajs'
import type { Topic } from '../../../core/events.ts'
import type { Connection } from './connection.ts'
import { answerOf, isConnectionFailure, translate } from './failures.ts'
import { fetchFrom, type Fetched, type FetchLimits } from './fetch.ts'
import type { Lane } from './lane.ts'
import { createGaps } from './lane-gaps.ts'
import { createRests } from './lane-rests.ts'
import { askWhoLeads, leaderOf, noLeader, workWith } from './leaders.ts'
import type { KafkaLogListener } from './options.ts'
import { createRecovery, type Recovery } from './recovery.ts'

/** Keeps lanes filled, as long as they have room. */
export interface Fetcher {
  /** To be called when lanes came, went or were emptied. */
  pump(): void
  stop(): void
}

const limits: FetchLimits = { wait: 500, bytes: 8_000_000, partitionBytes: 2_000_000 }
/**
 * How long a broker may first wait for a record while lanes are left out because they are full: they may be emptied before it
 * answers. It doubles while nothing happens.
 */
const SHORT_WAIT = 20
/** One partition alone, and more than one batch of it: a broker gives its first batch whole then. */
const probe: FetchLimits = { wait: 500, bytes: 16_000_000, partitionBytes: 16_000_000 }
/** A lane with less than this is filled up, as long as all have less than that. */
const LANE_BYTES = 1_000_000
const ALL_BYTES = 32_000_000

export type FetcherOptions<T extends Topic> = {
  readonly connection: Connection
  readonly lanes: () => readonly Lane<T>[]
  /** Told when there may be something to handle. */
  readonly onFilled: () => void
  /** Told, as often as it is found, that the log ends before where the lane is to read on; `beginning` is its first offset. */
  readonly onTruncated: (lane: Lane<T>, beginning: number) => void
  readonly onLog?: KafkaLogListener | undefined
}

const nothingGiven = ({ name, partition, fetchOffset }: Lane): string =>
  `The broker gives nothing of ${name}, partition ${partition}, from offset ${fetchOffset} on, where it says that there is more.`

/**
 * Fetches for all lanes at once, with one request at a time to each broker that leads some of them. A failure makes it wait
 * and begin again: the broker may be away, or another may lead now. Where only one lane fails, or one broker, the others go on.
 */
export function createFetcher<T extends Topic>(options: FetcherOptions<T>): Fetcher {
  const { connection, lanes, onFilled, onTruncated, onLog } = options
  const stopping = new AbortController()
  const fetching = new Set<string>()
  const resting = createRests(() => pump())
  const gaps = createGaps()
  const recoveryOf = (tell: (failure: string) => string): Recovery =>
    createRecovery((failure) => onLog?.('warn', `Fetching: ${tell(failure)}`), stopping.signal)
  const recovery = recoveryOf((failure) => failure)
  /** By the broker's number. */
  const recoveries = new Map<string, Recovery>()
  const shortWaits = new Map<string, number>()
  let isPumping = false
  let isWanted = false
  let isFinding = false

  const hungry = (): Lane<T>[] => {
    const all = awake()
    const isFull = all.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0) >= ALL_BYTES
    return all.filter(({ bufferedBytes }) => bufferedBytes === 0 || (bufferedBytes < LANE_BYTES && !isFull))
  }

  const awake = (): Lane<T>[] => lanes().filter((lane) => !resting.has(lane))

  const ledBy = (cluster: Cluster, leader: string | null, some: readonly Lane<T>[] = awake()) =>
    some.filter(({ name, partition }) => leaderOf(cluster, name, partition) === leader)

  const byLeader = (cluster: Cluster, some: readonly Lane<T>[]): Map<string | null, Lane<T>[]> => {
    const groups = new Map<string | null, Lane<T>[]>()
    for (const lane of some) {
      const leader = leaderOf(cluster, lane.name, lane.partition)
      groups.set(leader, [...(groups.get(leader) ?? []), lane])
    }
    return groups
  }

  /** Asks once more who leads them; those that still have no leader rest. Meanwhile the others are fetched. */
  const findLeaders = (unled: readonly Lane<T>[]): void => {
    if (isFinding) return
    isFinding = true
    void connection
      .use(async (cluster) => {
        await askWhoLeads(cluster).catch((error: unknown) => {
          // While some are fetched from, the connection is good for them.
          if (fetching.size === 0) throw error
        })
        for (const lane of ledBy(cluster, null, unled)) rest(lane, noLeader(lane.name, [lane.partition]))
      })
      .catch(recovery.failed)
      .finally(() => {
        isFinding = false
        pump()
      })
  }

  const rest = (lane: Lane<T>, reason: string): void => {
    if (resting.begin(lane, reason)) onLog?.('warn', `Fetching: ${reason}`)
  }

  const accept = (lane: Lane<T>, { records, next, end, isEmpty }: Fetched, wasAlone: boolean): void => {
    const isUntold = next === null && end > lane.fetchOffset
    if (isUntold && !wasAlone) {
      lane.isPuzzling = true
      return
    }
    if (isUntold && !gaps.confirm(lane, isEmpty, end)) {
      rest(lane, nothingGiven(lane))
      return
    }
    gaps.forget(lane)
    resting.forget(lane)
    lane.isPuzzling = false
    if (next !== null) lane.add(records, next)
    // Batches that compaction emptied hold no record that would tell where they end.
    else if (isUntold) lane.add([], end)
  }

  const fetchLanes = async (cluster: Cluster, broker: Broker, leader: string, led: readonly Lane<T>[]) => {
    const puzzling = led.find(({ isPuzzling }) => isPuzzling)
    const asked = puzzling === undefined ? led : [puzzling]
    const places = asked.map(({ name, partition, fetchOffset }) => ({ topic: name, partition, offset: fetchOffset }))
    const areAll = led.length === ledBy(cluster, leader).length
    const wait = areAll ? limits.wait : (shortWaits.get(leader) ?? SHORT_WAIT)
    if (!areAll) shortWaits.set(leader, Math.min(2 * wait, limits.wait)) // begins anew where lanes are emptied meanwhile
    const answers = await fetchFrom(broker, places, puzzling === undefined ? { ...limits, wait } : probe)
    if (answers.some(({ next }) => next !== null)) shortWaits.delete(leader)
    const failed: { readonly lane: Lane<T>; readonly failure: Error }[] = []
    for (const answer of answers) {
      const lane = asked.find(({ name, partition }) => name === answer.topic && partition === answer.partition)
      if (lane === undefined) continue
      if (answer.failure === null) accept(lane, answer, puzzling !== undefined)
      else failed.push({ lane, failure: answer.failure })
    }
    for (const { lane, failure } of failed) await recoverLane(cluster, lane, failure)
  }

  /** Throws what makes the broker no good. */
  const recoverLane = async (cluster: Cluster, lane: Lane<T>, failure: Error): Promise<void> => {
    if (isConnectionFailure(failure)) throw failure
    if (answerOf(failure) === 'OFFSET_OUT_OF_RANGE') await findPlace(cluster, lane)
    else rest(lane, translate(failure).message)
  }

  /** Where the next records are gone by retention, goes on at the first that is left. */
  const findPlace = async (cluster: Cluster, lane: Lane<T>): Promise<void> => {
    const { name, partition, fetchOffset } = lane
    const [first] = await cluster.fetchTopicsOffset([{ topic: name, partitions: [{ partition }], fromBeginning: true }])
    const beginning = Number(first?.partitions[0]?.offset ?? 0)
    if (beginning > fetchOffset) {
      lane.add([], beginning)
      return
    }
    const detail = `Fetching: ${name}, partition ${partition}, ends before offset ${fetchOffset}, which is to be read next.`
    if (resting.begin(lane, detail)) onLog?.('warn', `${detail} The log was restored, cut short, or begun anew.`)
    onTruncated(lane, beginning)
  }

  const recoveryFrom = (leader: string): Recovery => {
    const known = recoveries.get(leader) ?? recoveryOf((failure) => `broker ${leader}: ${failure}`)
    recoveries.set(leader, known)
    return known
  }

  const fetchOnce = async (leader: string, led: readonly Lane<T>[]): Promise<void> => {
    try {
      const failure = await connection.use((cluster) =>
        workWith(cluster, leader, (broker) => fetchLanes(cluster, broker, leader, led)),
      )
      recovery.well()
      if (failure === null) recoveryFrom(leader).well()
      else await recoveryFrom(leader).failed(failure)
    } catch (error) {
      await recovery.failed(error)
    }
  }

  const startFetch = (leader: string, led: readonly Lane<T>[]): void => {
    fetching.add(leader)
    void fetchOnce(leader, led).finally(() => {
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
      for (const [leader, led] of groups) {
        if (leader === null) findLeaders(led)
        else if (!fetching.has(leader)) startFetch(leader, led)
      }
    } catch (error) {
      await recovery.failed(error)
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

  return {
    pump() {
      shortWaits.clear()
      pump()
    },
    stop: () => stopping.abort(),
  }
}
