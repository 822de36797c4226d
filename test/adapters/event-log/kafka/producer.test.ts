import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Broker, Cluster } from 'kafkajs'
import { describe, expect, it, vi } from 'vitest'
import type { Protocol } from '../../../../src/adapters/event-log/kafka/broker-answers.ts'
import type { Connection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { createDeferred } from '../../../../src/adapters/event-log/kafka/deferred.ts'
import type { OutgoingRecord } from '../../../../src/adapters/event-log/kafka/outgoing-record.ts'
import {
  createIdempotentProducer,
  FIRST_PAUSE,
  type IdempotentProducer,
} from '../../../../src/adapters/event-log/kafka/producer.ts'
import { produceProtocol } from './kafkajs-protocol.ts'

const record = (partition: number, key: string): OutgoingRecord => ({
  topic: 'pairs',
  partition,
  key,
  value: null,
  headers: {},
})

type ProduceRequest = Parameters<Broker['produce']>[0]
type Lookup = () => () => Protocol
/** What goes wrong at a broker: `before` it takes a request, or `after`, when the answer is on its way. */
type Fault = (node: string, requests: number) => Promise<void> | void

/** What brokers answer (Kafka's guide, "Error Codes"). */
const [NOT_LEADER, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, OUT_OF_ORDER] = [6, 10, 19, 45]
const closedConnection = () => new Error('Closed connection')

/** The offsets of the records, once all are confirmed. */
async function sent(producer: IdempotentProducer, records: readonly OutgoingRecord[]): Promise<(number | undefined)[]> {
  const offsets = new Map<OutgoingRecord, number>()
  const refusals: unknown[] = []
  await producer.send(records, {
    onConfirmed: (batch, first) => batch.records.forEach((each, index) => offsets.set(each, first + index)),
    onRefused: (_, failure) => void refusals.push(failure),
  })
  if (refusals.length > 0) throw refusals[0]
  return records.map((each) => offsets.get(each))
}

/** Brokers that lead partitions of one topic and check sequence numbers as Kafka does; every replica has every record. */
function createBrokers(leaders: Record<number, string>) {
  const logs = new Map<number, string[]>()
  const sequences = new Map<string, { next: number; last: { first: number; offset: number } }>()
  const requests: string[] = []
  const faults: { before: Fault; after: Fault } = { before: () => undefined, after: () => undefined }
  const producerIds: number[] = []
  /** Partitions that answers leave out. */
  const silent = new Set<number>()

  /** Partitions that answer with an error. */
  const failing = new Map<number, number>()

  const append = (producerId: number, partition: number, first: number, keys: string[]): number | null => {
    const log = logs.get(partition) ?? []
    const known = sequences.get(`${producerId}/${partition}`)
    if (known?.last.first === first) return known.last.offset
    if (known !== undefined && known.next !== first) return null
    const offset = log.length
    sequences.set(`${producerId}/${partition}`, { next: first + keys.length, last: { first, offset } })
    logs.set(partition, [...log, ...keys])
    return offset
  }

  const brokerOf = (node: string) => ({
    lookupRequest: (() => () => produceProtocol) as Lookup,
    async initProducerId() {
      producerIds.push(producerIds.length)
      return { producerId: String(producerIds.length - 1), producerEpoch: 0 }
    },
    async produce({ producerId, topicData }: ProduceRequest) {
      requests.push(node)
      await faults.before(node, requests.length)
      const batches = topicData.flatMap(({ partitions }) => partitions)
      const partitions = batches.map(({ partition, firstSequence, messages }) => {
        const errorCode = leaders[partition] === node ? (failing.get(partition) ?? 0) : NOT_LEADER
        if (errorCode !== 0) return { partition, errorCode, baseOffset: '-1' }
        const keys = messages.map(({ key }) => String(key))
        const offset = append(producerId ?? -1, partition, firstSequence ?? -1, keys)
        return { partition, errorCode: offset === null ? OUT_OF_ORDER : 0, baseOffset: String(offset ?? -1) }
      })
      await faults.after(node, requests.length)
      const told = partitions.filter(({ partition }) => !silent.has(partition))
      return this.lookupRequest()().response.parse({ topics: [{ topicName: 'pairs', partitions: told }] })
    },
  })
  const refreshes = { count: 0 }
  const cluster = {
    findControllerBroker: async () => brokerOf('controller'),
    findBroker: async ({ nodeId }: { nodeId: string }) => brokerOf(nodeId),
    findLeaderForPartitions: (_: string, [partition = -1]: number[]) => ({ [leaders[partition] ?? '-1']: [partition] }),
    refreshMetadata: async () => void (refreshes.count += 1),
  } as unknown as Cluster
  const connection: Connection = {
    use: (work) => work(cluster),
    useCoordinator: () => Promise.reject(new Error('a producer has no coordinator')),
    close: () => undefined,
  }
  const producer = createIdempotentProducer(() => connection)
  return { producer, logs, leaders, requests, faults, producerIds, silent, failing, refreshes }
}

describe('the idempotent producer over several brokers', () => {
  it('acknowledges nothing before its own leader has confirmed it, though the leadership moves to one that has answered', async () => {
    const { producer, logs, leaders, faults } = createBrokers({ 0: 'A', 1: 'B' })
    faults.before = (node) => {
      if (node === 'A') leaders[0] = 'B'
    }
    expect(await sent(producer, [record(0, 'p'), record(1, 'q'), record(0, 'r')])).toEqual([0, 0, 1])
    expect(logs).toEqual(
      new Map([
        [0, ['p', 'r']],
        [1, ['q']],
      ]),
    )
  })

  it('sends nothing twice to a slow broker while another one fails', async () => {
    const { producer, logs, leaders, faults, requests } = createBrokers({ 0: 'A', 1: 'B' })
    faults.before = async (node) => {
      if (node === 'B') await delay(4 * FIRST_PAUSE)
      if (node !== 'A') return
      leaders[0] = 'C'
      throw closedConnection()
    }
    expect(await sent(producer, [record(0, 'p'), record(1, 'put'), record(1, 'tombstone')])).toEqual([0, 0, 1])
    expect(logs.get(1)).toEqual(['put', 'tombstone'])
    expect(requests).toEqual(['A', 'B', 'C'])
  })

  it('sends a batch again under the same numbers when its answer was lost, and goes on after them', async () => {
    const { producer, logs, faults, requests } = createBrokers({ 0: 'A' })
    faults.after = (_, count) => {
      if (count === 1) throw closedConnection()
    }
    expect(await sent(producer, [record(0, 'p'), record(0, 'q')])).toEqual([0, 1])
    expect(await sent(producer, [record(0, 'r')])).toEqual([2])
    expect(logs.get(0)).toEqual(['p', 'q', 'r'])
    expect(requests).toHaveLength(3)
  })

  it('takes an answer that says nothing of a partition for none', async () => {
    const { producer, silent, requests } = createBrokers({ 0: 'A', 1: 'A' })
    silent.add(1)
    const sending = sent(producer, [record(0, 'p'), record(1, 'q')])
    await vi.waitUntil(() => requests.length === 2)
    silent.clear()
    expect(await sending).toEqual([0, 0])
  })

  it('confirms the others while a partition has no leader, and asks for one until there is', async () => {
    const { producer, logs, leaders, requests, refreshes } = createBrokers({ 1: 'B' })
    const confirmed: number[] = []
    const sending = producer.send([record(0, 'p'), record(1, 'q')], {
      onConfirmed: ({ partition }) => void confirmed.push(partition),
      onRefused: () => undefined,
    })
    await vi.waitUntil(() => refreshes.count > 1)
    expect(confirmed).toEqual([1])
    leaders[0] = 'A'
    await sending
    expect(logs.get(0)).toEqual(['p'])
    expect(requests).toEqual(['B', 'A'])
  })

  it('asks for a leader too while a partition of another broker lacks replicas', async () => {
    const { producer, leaders, failing, refreshes } = createBrokers({ 1: 'B' })
    failing.set(1, NOT_ENOUGH_REPLICAS)
    const sending = sent(producer, [record(0, 'p'), record(1, 'q')])
    await vi.waitUntil(() => refreshes.count > 0)
    leaders[0] = 'A'
    failing.clear()
    expect(await sending).toEqual([0, 0])
  })

  it('sends only what was not confirmed again, where a partition of the same broker lacks replicas', async () => {
    const { producer, logs, failing, requests } = createBrokers({ 0: 'A', 1: 'A' })
    failing.set(0, NOT_ENOUGH_REPLICAS)
    const confirmed: number[] = []
    const sending = producer.send([record(0, 'p'), record(1, 'q')], {
      onConfirmed: ({ partition }) => void confirmed.push(partition),
      onRefused: () => undefined,
    })
    await vi.waitUntil(() => requests.length > 1)
    expect(confirmed).toEqual([1])
    failing.clear()
    await sending
    expect(logs).toEqual(
      new Map([
        [1, ['q']],
        [0, ['p']],
      ]),
    )
  })

  it('refuses what one partition refuses, and nothing of the others, and goes on under a new producer id', async () => {
    const { producer, logs, failing, producerIds } = createBrokers({ 0: 'A', 1: 'A' })
    failing.set(0, MESSAGE_TOO_LARGE)
    const told: unknown[] = []
    await producer.send([record(0, 'p'), record(1, 'q')], {
      onConfirmed: ({ partition }, offset) => void told.push([partition, offset]),
      onRefused: ({ partition }, failure) => void told.push([partition, failure]),
    })
    expect(told).toMatchObject([
      [0, { type: 'MESSAGE_TOO_LARGE' }],
      [1, 0],
    ])
    failing.clear()
    expect(await sent(producer, [record(0, 'r'), record(1, 's')])).toEqual([0, 1])
    expect(logs.get(0)).toEqual(['r'])
    expect(producerIds).toHaveLength(2)
  })

  it('does not go on with a sequence that the brokers have lost: what comes next has a new producer id', async () => {
    const { producer, logs, failing, producerIds } = createBrokers({ 0: 'A' })
    await sent(producer, [record(0, 'p')])
    failing.set(0, OUT_OF_ORDER)
    await expect(sent(producer, [record(0, 'q')])).rejects.toMatchObject({ type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    failing.clear()
    expect(await sent(producer, [record(0, 'r')])).toEqual([1])
    expect(logs.get(0)).toEqual(['p', 'r'])
    expect(producerIds).toHaveLength(2)
  })

  it('is at an end at once when it is discarded, whatever the brokers do', async () => {
    const { producer, faults } = createBrokers({ 0: 'A' })
    const never = createDeferred()
    faults.before = () => never.promise
    const sending = sent(producer, [record(0, 'p')])
    producer.discard()
    await expect(sending).rejects.toThrow('given up')
  })
})

it('keeps nothing of what it has sent', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const broker = {
    lookupRequest: (() => () => produceProtocol) as Lookup,
    initProducerId: async () => ({ producerId: '0', producerEpoch: 0 }),
    produce: async () => ({
      topics: [{ topicName: 'pairs', partitions: [{ partition: 0, errorCode: 0, baseOffset: '0' }] }],
      failures: new Map(),
    }),
  }
  const cluster = {
    findControllerBroker: async () => broker,
    findBroker: async () => broker,
    findLeaderForPartitions: () => ({ A: [0] }),
  } as unknown as Cluster
  const producer = createIdempotentProducer(() => ({
    use: (work) => work(cluster),
    useCoordinator: () => Promise.reject(new Error('a producer has no coordinator')),
    close: () => undefined,
  }))
  const records = [record(0, 'p')]
  const heapAfter = async (sends: number): Promise<number> => {
    const nothing = () => undefined
    for (let count = 0; count < sends; count++) {
      await producer.send(records, { onConfirmed: nothing, onRefused: nothing })
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(1_000)
  expect((await heapAfter(20_000)) - before).toBeLessThan(2_000_000)
})
