import type { Admin } from 'kafkajs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createTopics } from '../../../../src/adapters/event-log/kafka/topic-creation.ts'
import { topicConfigurations } from '../../../../src/adapters/event-log/kafka/topic-configuration.ts'
import { tellingWhy } from '../../../../src/adapters/event-log/kafka/topic-refusals.ts'
import { brokerThatAnswers, createEncoder } from './kafkajs-protocol.ts'

/** What brokers answer (Kafka's guide, "Error Codes"). */
const [ALREADY_EXISTS, INVALID_REPLICATION_FACTOR, INVALID_CONFIG, POLICY_VIOLATION] = [36, 38, 40, 44]

type Refusal = readonly [topic: string, errorCode: number, message: string]

/** An answer to a request to create topics, version 3 (Kafka's guide, "CreateTopics API"). */
function refusing(...refusals: readonly Refusal[]): Buffer {
  const encoder = createEncoder().writeInt32(0).writeInt32(refusals.length)
  for (const [topic, errorCode, message] of refusals)
    encoder.writeString(topic).writeInt16(errorCode).writeString(message)
  return encoder.buffer
}

/** An admin of a cluster that gives these answers, the last one from then on, and has more and more brokers. */
function adminOf(brokerCounts: number[], ...answers: Buffer[]) {
  const broker = tellingWhy(brokerThatAnswers(11, ...answers)) as unknown as Pick<Admin, 'createTopics'>
  const describeCluster = async () => {
    const count = (brokerCounts.length > 1 ? brokerCounts.shift() : brokerCounts[0]) ?? 0
    return { brokers: Array.from({ length: count }) }
  }
  return { createTopics: (request: never) => broker.createTopics(request), describeCluster } as unknown as Admin
}

const topics = [...topicConfigurations(4, 2)].slice(0, 2).map(([name, wanted]) => ({ name, wanted }))

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

it.each([
  ['INVALID_CONFIG', INVALID_CONFIG],
  ['POLICY_VIOLATION', POLICY_VIOLATION],
])('says what the cluster does not take, in its words: %s', async (_, code) => {
  const why = 'unclean.leader.election.enable may not be set'
  const admin = adminOf([3], refusing(['pairs', code, why], ['pairs.dead', ALREADY_EXISTS, 'there']))
  await expect(createTopics(admin, topics, 3)).rejects.toMatchObject({
    code: 'configuration-invalid',
    message: expect.stringMatching(
      /topic pairs .*unclean\.leader\.election\.enable may not.*cleanup\.policy=compact/,
    ) as string,
  })
})

it('waits for brokers that have not registered yet', async () => {
  const tooFew = refusing(['pairs', INVALID_REPLICATION_FACTOR, 'too few'])
  await createTopics(adminOf([1, 3], tooFew, tooFew, refusing(['pairs', ALREADY_EXISTS, 'there'])), topics, 3)
})

it('gives up where there are too few brokers for seconds', async () => {
  const admin = adminOf([1], refusing(['pairs', INVALID_REPLICATION_FACTOR, 'too few']))
  const creating = expect(createTopics(admin, topics, 3)).rejects.toMatchObject({
    code: 'configuration-invalid',
    message: expect.stringMatching(/1 brokers.*KAFKA_REPLICATION/) as string,
  })
  vi.advanceTimersByTime(6_000)
  await creating
})
