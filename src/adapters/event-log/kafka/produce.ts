import type { Broker, Cluster } from 'kafkajs'
import { readingAnswers, type Protocol } from './broker-answers.ts'
import { isConnectionFailure, mayPass } from './failures.ts'
import { leaderOf } from './leaders.ts'
import type { OutgoingRecord } from './outgoing-record.ts'

/** The records of one partition; they have their sequence numbers for good. */
export type Batch = {
  readonly topic: string
  readonly partition: number
  readonly records: OutgoingRecord[]
  readonly firstSequence: number
}

/** Told once of each batch. */
export type BatchListener = {
  /** It is durable; `firstOffset` is that of its first record. */
  readonly onConfirmed: (batch: Batch, firstOffset: number) => void
  /** A broker will not take it however often it is sent. */
  readonly onRefused: (batch: Batch, failure: unknown) => void
}

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
 * not be sent again. Batches for partitions that nobody leads stay, and it is asked who does. Throws what may pass, of those that are
 * to be sent again; each of the others is refused by itself.
 */
export async function sendToLeaders(
  cluster: Cluster,
  identity: Identity,
  batches: readonly Batch[],
  { onConfirmed, onRefused }: BatchListener,
): Promise<void> {
  const led = new Map<string, Batch[]>()
  let isLeaderless = false
  for (const batch of batches) {
    const leader = leaderOf(cluster, batch.topic, batch.partition)
    if (leader === null) isLeaderless = true
    else led.set(leader, [...(led.get(leader) ?? []), batch])
  }
  const toPass: unknown[] = []
  const fail = (batch: Batch, failure: unknown): void => {
    if (mayPass(failure)) toPass.push(failure)
    else onRefused(batch, failure)
  }
  const sendTo = async (nodeId: string, own: readonly Batch[]): Promise<void> => {
    try {
      await produce(await cluster.findBroker({ nodeId }), identity, own, onConfirmed, fail)
    } catch (error) {
      for (const batch of own) fail(batch, error)
    }
  }
  await Promise.all([...led].map(([nodeId, own]) => sendTo(nodeId, own)))
  if (toPass.some(isConnectionFailure)) throw toPass.find(isConnectionFailure) // the next connection asks who leads
  if (isLeaderless) await cluster.refreshMetadata()
  if (toPass.length > 0) throw toPass[0]
}

type AnsweredPartition = { readonly partition: number; readonly errorCode: number; readonly baseOffset: string }
type ProduceAnswer = {
  readonly topics: readonly { readonly topicName: string; readonly partitions: readonly AnsweredPartition[] }[]
}
type Answered = ProduceAnswer & { readonly failures: ReadonlyMap<AnsweredPartition, unknown> }

/** kafkajs knows the answers by their codes, and throws what it knows of the first: here each partition keeps its own. */
const responseOf = ({ response }: Protocol): Protocol['response'] => ({
  decode: (bytes) => response.decode(bytes),
  parse: async (data): Promise<Answered> => {
    const answer = data as ProduceAnswer
    const failures = new Map<AnsweredPartition, unknown>()
    for (const { topicName, partitions } of answer.topics) {
      for (const partition of partitions.filter(({ errorCode }) => errorCode !== 0)) {
        await response
          .parse({ topics: [{ topicName, partitions: [partition] }] })
          .catch((error: unknown) => failures.set(partition, error))
      }
    }
    return { ...answer, failures }
  },
})

async function produce(
  broker: Broker,
  { producerId, producerEpoch }: Identity,
  batches: readonly Batch[],
  onConfirmed: BatchListener['onConfirmed'],
  onFailed: (batch: Batch, failure: unknown) => void,
): Promise<void> {
  const topics = [...new Set(batches.map(({ topic }) => topic))]
  const answer = (await readingAnswers(broker, responseOf).produce({
    acks: ALL_IN_SYNC,
    producerId: Number(producerId),
    producerEpoch,
    topicData: topics.map((topic) => ({
      topic,
      partitions: batches
        .filter((batch) => batch.topic === topic)
        .map(({ partition, firstSequence, records }) => ({ partition, firstSequence, messages: records })),
    })),
  })) as Answered
  for (const batch of batches) {
    const partitions = answer.topics.find(({ topicName }) => topicName === batch.topic)?.partitions
    const answered = partitions?.find(({ partition }) => partition === batch.partition)
    if (answered === undefined) continue
    if (answered.errorCode === 0) onConfirmed(batch, Number(answered.baseOffset))
    else onFailed(batch, answer.failures.get(answered))
  }
}
