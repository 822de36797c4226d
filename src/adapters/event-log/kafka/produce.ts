import type { Broker, Cluster } from 'kafkajs'
import { isConnectionFailure, mayPass } from './failures.ts'
import type { OutgoingRecord } from './outgoing-record.ts'

/** The records of one partition; they have their sequence numbers for good. */
export type Batch = {
  readonly topic: string
  readonly partition: number
  readonly records: OutgoingRecord[]
  readonly firstSequence: number
}

/** The offset of the first record of each batch that was confirmed, by its place. */
export type Confirmed = Map<string, number>

/** What brokers know a producer by: they drop what it sends again, by the sequence numbers of each partition (KIP-98). */
export type Identity = { readonly producerId: string; readonly producerEpoch: number }

const ALL_IN_SYNC = -1

export const placeOf = ({ topic, partition }: Pick<Batch, 'topic' | 'partition'>): string => `${topic}/${partition}`

/** Any broker hands out producer ids; kafkajs has the request, but not in its types. */
export async function askIdentity(cluster: Cluster): Promise<Identity> {
  const broker = (await cluster.findControllerBroker()) as Broker & {
    initProducerId(request: { readonly transactionTimeout: number }): Promise<Identity>
  }
  return broker.initProducerId({ transactionTimeout: 0 })
}

/**
 * Sends each batch to who leads its partition, and waits for all answers also when one fails: what a slow broker confirms must
 * not be sent again.
 */
export async function sendToLeaders(
  cluster: Cluster,
  identity: Identity,
  batches: readonly Batch[],
  confirmed: Confirmed,
): Promise<void> {
  const led = new Map<string, Batch[]>()
  for (const batch of batches) {
    const [leader = 'nobody'] = Object.keys(cluster.findLeaderForPartitions(batch.topic, [batch.partition]))
    led.set(leader, [...(led.get(leader) ?? []), batch])
  }
  const outcomes = await Promise.allSettled(
    [...led].map(async ([nodeId, own]) => produce(await cluster.findBroker({ nodeId }), identity, own, confirmed)),
  )
  const failures = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []))
  if (failures.length === 0) return
  throw failures.find((failure) => !mayPass(failure)) ?? failures.find(isConnectionFailure) ?? failures[0]
}

type ProduceAnswer = {
  readonly topics: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number; readonly baseOffset: string }[]
  }[]
}

/** kafkajs throws the first error of an answer, so none of its batches counts as confirmed then. */
async function produce(
  broker: Broker,
  { producerId, producerEpoch }: Identity,
  batches: readonly Batch[],
  confirmed: Confirmed,
): Promise<void> {
  const topics = [...new Set(batches.map(({ topic }) => topic))]
  const answer = (await broker.produce({
    acks: ALL_IN_SYNC,
    producerId: Number(producerId),
    producerEpoch,
    topicData: topics.map((topic) => ({
      topic,
      partitions: batches
        .filter((batch) => batch.topic === topic)
        .map(({ partition, firstSequence, records }) => ({ partition, firstSequence, messages: records })),
    })),
  })) as ProduceAnswer
  for (const { topicName: topic, partitions } of answer.topics) {
    for (const { partition, baseOffset } of partitions) confirmed.set(placeOf({ topic, partition }), Number(baseOffset))
  }
  const missing = batches.find((batch) => !confirmed.has(placeOf(batch)))
  if (missing !== undefined) throw new Error(`a broker gave no answer for ${placeOf(missing)}`)
}
