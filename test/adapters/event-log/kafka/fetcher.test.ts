import type { Broker, Cluster } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Connection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { createFetcher } from '../../../../src/adapters/event-log/kafka/fetcher.ts'
import { createLane, type Lane } from '../../../../src/adapters/event-log/kafka/lane.ts'
import { answerOf, brokerThatAnswers, encodeBatch, type AnsweredPart } from './kafkajs-protocol.ts'

const WAIT = 500

type FetchRequest = Parameters<Broker['fetch']>[0]

/** A connection to one broker, which answers in this order, the last one from then on, when it has waited for as long as it may. */
function connectionTo(...answers: (readonly AnsweredPart[])[]) {
  const broker = brokerThatAnswers(11, ...answers.map((parts) => answerOf(11, parts)))
  const waits: (number | undefined)[] = []
  const fetch = async function (this: Broker, request: FetchRequest) {
    waits.push(request.maxWaitTime)
    await new Promise((resolve) => setTimeout(resolve, request.maxWaitTime))
    return Reflect.apply(broker.fetch, this, [request]) as unknown
  }
  const waiting = Object.create(broker, { fetch: { value: fetch } }) as Broker
  const cluster = {
    findLeaderForPartitions: (_: string, partitions: number[]) => ({ 0: partitions }),
    findBroker: async () => waiting,
  } as unknown as Cluster
  const connection: Connection = {
    use: (work) => work(cluster),
    useCoordinator: () => Promise.reject(new Error('not used')),
    close: () => undefined,
  }
  return { connection, waits }
}

let stop: () => void
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  stop()
  vi.useRealTimers()
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await vi.advanceTimersByTimeAsync(10)
}

function fetchInto(lanes: readonly Lane[], connection: Connection) {
  const warnings: string[] = []
  const nothing = () => undefined
  const onLog = (_: string, message: string) => void warnings.push(message)
  const fetcher = createFetcher({ connection, lanes: () => lanes, onFilled: nothing, onTruncated: nothing, onLog })
  stop = () => fetcher.stop()
  fetcher.pump()
  return { fetcher, warnings }
}

describe('answers without records', () => {
  const nothing = (end: number) => [{ partition: 0, end }]

  it('are not taken for a gap where nothing is compacted: the lane stays, and it is said', async () => {
    const lane = createLane('pairs.indexed', 'pairs', 0, 3)
    const { warnings } = fetchInto([lane], connectionTo(nothing(9)).connection)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(lane.fetchOffset).toBe(3)
    expect(warnings).toEqual([expect.stringMatching(/nothing of pairs, partition 0, from offset 3 on/)])
  })

  it('are taken for a gap in a compacted topic, but not before there were several with the same end', async () => {
    const lane = createLane('pairs', 'pairs', 0, 3)
    const answers = [9, 9, 9, 9, 10, 10, 10, 10].map(nothing)
    const { connection, waits } = connectionTo(...answers)
    fetchInto([lane], connection)
    await until(() => waits.length > answers.length)
    expect(lane.fetchOffset).toBe(3)
    await vi.advanceTimersByTimeAsync(WAIT)
    expect(lane.fetchOffset).toBe(10)
  })

  it('are forgotten when something comes', async () => {
    const lane = createLane('pairs.indexed', 'pairs', 0, 3)
    const records = await encodeBatch(
      [{ offsetDelta: 0, timestampDelta: 0, key: Buffer.from('key'), value: null, headers: {} }],
      { firstOffset: 3 },
    )
    const { connection } = connectionTo(nothing(4), nothing(4), [{ partition: 0, end: 4, records }], nothing(4))
    fetchInto([lane], connection)
    await vi.advanceTimersByTimeAsync(10_000)
    expect([lane.fetchOffset, lane.isPuzzling]).toEqual([4, false])
  })

  it('prove nothing where they have bytes that are no batch yet', async () => {
    const lane = createLane('pairs', 'pairs', 0, 3)
    const { connection } = connectionTo([{ partition: 0, end: 9, records: Buffer.alloc(10) }])
    fetchInto([lane], connection)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(lane.fetchOffset).toBe(3)
  })
})

it('asks less and less often while lanes are full and nothing happens', async () => {
  const [full, other] = [createLane('pairs', 'pairs', 0, 0), createLane('pairs', 'pairs', 1, 5)]
  const large = { offset: 0, timestamp: 0, key: null, value: Buffer.alloc(2_000_000), headers: new Map() }
  full.add([large], 1)
  const { connection, waits } = connectionTo([{ partition: 1, end: 5 }])
  const { fetcher } = fetchInto([full, other], connection)
  await until(() => waits.length === 8)
  expect(waits).toEqual([20, 40, 80, 160, 320, 500, 500, 500])
  fetcher.pump()
  await until(() => waits.length === 9)
  expect(waits[8]).toBe(20)
})

describe('a broker that cannot be reached', () => {
  const [reachable, other] = ['0', '1']

  /** A connection to two brokers, each of which leads the partition of its number; what is away cannot be reached. */
  function connectionToTwo({ leaderless = -1, isSilent = false } = {}) {
    const away = new Set<string>()
    const asked: string[] = []
    const lost: unknown[] = []
    const lookFor = async (node: string): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (away.has(node)) throw new Error('Connection timeout')
    }
    const brokerOf = (partition: number): Broker => {
      const broker = brokerThatAnswers(11, answerOf(11, [{ partition, end: 5 }]))
      const fetch = async function (this: Broker, request: FetchRequest) {
        await lookFor(String(partition))
        asked.push(String(partition))
        return Reflect.apply(broker.fetch, this, [request]) as unknown
      }
      return Object.create(broker, { fetch: { value: fetch } }) as Broker
    }
    const cluster = {
      findLeaderForPartitions: (_: string, [partition = -1]: number[]) => ({
        [partition === leaderless ? -1 : partition]: [partition],
      }),
      findBroker: async ({ nodeId }: { nodeId: string }) => brokerOf(Number(nodeId)),
      refreshMetadata: () =>
        isSilent ? new Promise<never>(() => undefined) : Promise.any([lookFor(reachable), lookFor(other)]),
    } as unknown as Cluster
    const connection: Connection = {
      use: (work) =>
        work(cluster).catch((error: unknown) => {
          lost.push(error)
          throw error
        }),
      useCoordinator: () => Promise.reject(new Error('not used')),
      close: () => undefined,
    }
    return { connection, away, asked, lost }
  }
  const lanes = [createLane('pairs', 'pairs', 0, 5), createLane('pairs', 'pairs', 1, 5)]

  it('holds up no other, costs no other its connection, and is told once until it is back', async () => {
    const { connection, away, asked, lost } = connectionToTwo()
    const { warnings } = fetchInto(lanes, connection)
    const told = expect.stringMatching(/broker 1: .*Connection timeout/) as string
    away.add(other)
    await until(() => asked.length > 200)
    expect(asked).not.toContain(other)
    expect(warnings).toEqual([told])

    away.clear()
    await until(() => asked.includes(other))
    away.add(other)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(warnings).toEqual([told, told])
    expect(lost).toEqual([])
  })

  it('holds up no other by being the one that is asked for a leader', async () => {
    const { connection, asked, lost } = connectionToTwo({ leaderless: Number(other), isSilent: true })
    const { warnings } = fetchInto(lanes, connection)
    await until(() => asked.length > 200)
    expect(warnings).toEqual([expect.stringMatching(/no leader for partition 1/)])
    expect(lost).toEqual([])
  })

  it('costs the connection where no other one is left, and is told once', async () => {
    const { connection, away, asked, lost } = connectionToTwo()
    const { warnings } = fetchInto(lanes, connection)
    away.add(reachable).add(other)
    await until(() => lost.length > 4)
    expect(warnings).toEqual([expect.stringMatching(/Fetching: Kafka .*Connection timeout/)])

    away.clear()
    await until(() => asked.includes(reachable) && asked.includes(other))
  })
})
