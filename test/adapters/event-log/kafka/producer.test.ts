import { setTimeout as delay } from 'node:timers/promises'
import type { Broker, Cluster } from 'kafkajs'
import { describe, expect, it, vi } from 'vitest'
import type { Connection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { createDeferred } from '../../../../src/adapters/event-log/kafka/deferred.ts'
import type { OutgoingRecord } from '../../../../src/adapters/event-log/kafka/outgoing-record.ts'
import { createIdempotentProducer, FIRST_PAUSE } from '../../../../src/adapters/event-log/kafka/producer.ts'

const record = (partition: number, key: string): OutgoingRecord => ({
  topic: 'pairs',
  partition,
  key,
  value: null,
  headers: {},
})

type ProduceRequest = Parameters<Broker['produce']>[0]
/** What goes wrong at a broker: `before` it takes a request, or `after`, when the answer is on its way. */
type Fault = (node: string, requests: number) => Promise<void> | void

const answer = (type: string, retriable: boolean) => Object.assign(new Error(type), { type, retriable })
const closedConnection = () => new Error('Closed connection')

/** Brokers that lead partitions of one topic and check sequence numbers as Kafka does; every replica has every record. */
function createBrokers(leaders: Record<number, string>) {
  const logs = new Map<number, string[]>()
  const sequences = new Map<string, { next: number; last: { first: number; offset: number } }>()
  const requests: string[] = []
  const faults: { before: Fault; after: Fault } = { before: () => undefined, after: () => undefined }
  const producerIds: number[] = []
  /** Partitions that answers leave out. */
  const silent = new Set<number>()

  const append = (producerId: number, partition: number, first: number, keys: string[]): number => {
    const log = logs.get(partition) ?? []
    const known = sequences.get(`${producerId}/${partition}`)
    if (known?.last.first === first) return known.last.offset
    if (known !== undefined && known.next !== first) throw answer('OUT_OF_ORDER_SEQUENCE_NUMBER', false)
    const offset = log.length
    sequences.set(`${producerId}/${partition}`, { next: first + keys.length, last: { first, offset } })
    logs.set(partition, [...log, ...keys])
    return offset
  }

  const brokerOf = (node: string) => ({
    async initProducerId() {
      producerIds.push(producerIds.length)
      return { producerId: String(producerIds.length - 1), producerEpoch: 0 }
    },
    async produce({ producerId, topicData }: ProduceRequest) {
      requests.push(node)
      await faults.before(node, requests.length)
      const batches = topicData.flatMap(({ partitions }) => partitions)
      if (batches.some(({ partition }) => leaders[partition] !== node)) throw answer('NOT_LEADER_FOR_PARTITION', true)
      const partitions = batches.map(({ partition, firstSequence, messages }) => ({
        partition,
        baseOffset: String(
          append(
            producerId ?? -1,
            partition,
            firstSequence ?? -1,
            messages.map(({ key }) => String(key)),
          ),
        ),
      }))
      await faults.after(node, requests.length)
      const told = partitions.filter(({ partition }) => !silent.has(partition))
      return { topics: [{ topicName: 'pairs', partitions: told }] }
    },
  })
  const cluster = {
    findControllerBroker: async () => brokerOf('controller'),
    findBroker: async ({ nodeId }: { nodeId: string }) => brokerOf(nodeId),
    findLeaderForPartitions: (_: string, [partition = -1]: number[]) => ({ [leaders[partition] ?? '-1']: [partition] }),
  } as unknown as Cluster
  const connection: Connection = {
    use: (work) => work(cluster),
    useCoordinator: () => Promise.reject(new Error('a producer has no coordinator')),
    close: () => undefined,
  }
  return { producer: createIdempotentProducer(() => connection), logs, leaders, requests, faults, producerIds, silent }
}

describe('the idempotent producer over several brokers', () => {
  it('acknowledges nothing before its own leader has confirmed it, though the leadership moves to one that has answered', async () => {
    const { producer, logs, leaders, faults } = createBrokers({ 0: 'A', 1: 'B' })
    faults.before = (node) => {
      if (node === 'A') leaders[0] = 'B'
    }
    expect(await producer.send([record(0, 'p'), record(1, 'q'), record(0, 'r')])).toEqual([0, 0, 1])
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
    expect(await producer.send([record(0, 'p'), record(1, 'put'), record(1, 'tombstone')])).toEqual([0, 0, 1])
    expect(logs.get(1)).toEqual(['put', 'tombstone'])
    expect(requests).toEqual(['A', 'B', 'C'])
  })

  it('sends a batch again under the same numbers when its answer was lost, and goes on after them', async () => {
    const { producer, logs, faults, requests } = createBrokers({ 0: 'A' })
    faults.after = (_, count) => {
      if (count === 1) throw closedConnection()
    }
    expect(await producer.send([record(0, 'p'), record(0, 'q')])).toEqual([0, 1])
    expect(await producer.send([record(0, 'r')])).toEqual([2])
    expect(logs.get(0)).toEqual(['p', 'q', 'r'])
    expect(requests).toHaveLength(3)
  })

  it('takes an answer that says nothing of a partition for none', async () => {
    const { producer, silent, requests } = createBrokers({ 0: 'A', 1: 'A' })
    silent.add(1)
    const sent = producer.send([record(0, 'p'), record(1, 'q')])
    await vi.waitUntil(() => requests.length === 2)
    silent.clear()
    expect(await sent).toEqual([0, 0])
  })

  it('does not go on with a sequence that the brokers have lost: what comes next has a new producer id', async () => {
    const { producer, logs, faults, producerIds } = createBrokers({ 0: 'A' })
    await producer.send([record(0, 'p')])
    faults.before = () => {
      throw answer('OUT_OF_ORDER_SEQUENCE_NUMBER', false)
    }
    await expect(producer.send([record(0, 'q')])).rejects.toMatchObject({ type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    producer.discard()
    faults.before = () => undefined
    expect(await producer.send([record(0, 'r')])).toEqual([1])
    expect(logs.get(0)).toEqual(['p', 'r'])
    expect(producerIds).toHaveLength(2)
  })

  it('is at an end at once when it is discarded, whatever the brokers do', async () => {
    const { producer, faults } = createBrokers({ 0: 'A' })
    const never = createDeferred()
    faults.before = () => never.promise
    const sent = producer.send([record(0, 'p')])
    producer.discard()
    await expect(sent).rejects.toThrow('given up')
  })
})
