import { randomUUID } from 'node:crypto'
import { AssignerProtocol, Kafka, Partitioners, logLevel, type Admin, type Kafka as Client } from 'kafkajs'
import { vi } from 'vitest'
import { createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import type { LogUnderTest } from '../contracts/event-log-driver.ts'

export type KafkaServers = { readonly kafka: string; readonly registry: string }

/** Options of a log of its own: nothing that another test wrote is in it. */
export const ownOptions = (servers: KafkaServers, changes: Partial<KafkaLogOptions> = {}): KafkaLogOptions => ({
  brokers: [servers.kafka],
  registry: { url: servers.registry },
  partitions: 4,
  prefix: `t${randomUUID().slice(0, 8)}.`,
  replication: { factor: 1, minimumInSync: 1 },
  sessionTimeout: 6_000,
  ...changes,
})

/** A client that is not the driver's own. */
export const foreignClient = (brokers: readonly string[]): Client =>
  new Kafka({ brokers: [...brokers], clientId: 'foreign', logLevel: logLevel.NOTHING })

export async function withForeignAdmin<R>(brokers: readonly string[], work: (admin: Admin) => Promise<R>): Promise<R> {
  const admin = foreignClient(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

export type ForeignRecord = {
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly value: Buffer | null
}

/** Produces bytes as a program that is not ours might. */
export async function produceForeign(brokers: readonly string[], records: readonly ForeignRecord[]): Promise<void> {
  const producer = foreignClient(brokers).producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const { topic, ...message } of records) await producer.send({ topic, messages: [message] })
  await producer.disconnect()
}

/** Who is in a group, by the coordinator's id, and the partitions of a topic that each was given. Names are with their prefix. */
export const membersOf = (
  brokers: readonly string[],
  group: string,
  topic: string,
): Promise<ReadonlyMap<string, readonly number[]>> =>
  withForeignAdmin(brokers, async (admin) => {
    const [described] = (await admin.describeGroups([group])).groups
    return new Map(
      described?.members.map(({ memberId, memberAssignment }) => {
        const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment)
        return [memberId, decoded?.assignment[topic] ?? []]
      }),
    )
  })

export type FoundRecord = { readonly partition: number; readonly offset: number; readonly key: string }

/** Leaders may be on the move. */
const PATIENCE = { timeout: 20_000, interval: 200 }

/** Every record of a topic, read by a program that is not ours. */
export async function readForeign(brokers: readonly string[], topic: string): Promise<readonly FoundRecord[]> {
  const ends = await vi.waitFor(() => withForeignAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic)), PATIENCE)
  const missing = new Set(ends.filter(({ high }) => Number(high) > 0).map(({ partition }) => partition))
  const records: FoundRecord[] = []
  const consumer = foreignClient(brokers).consumer({ groupId: `readers-of-${topic}`, retry: { retries: 20 } })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error)
    })
    void consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push({ partition, offset: Number(message.offset), key: String(message.key) })
        const end = ends.find((each) => each.partition === partition)
        if (Number(message.offset) + 1 >= Number(end?.high)) missing.delete(partition)
        if (missing.size === 0) resolve()
      },
    })
  })
  await consumer.disconnect()
  return records
}

/** Deletes the topics of a prefix. */
export const removeTopics = (options: KafkaLogOptions): Promise<void> =>
  withForeignAdmin(options.brokers, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(options.prefix ?? ''))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  })

export async function createLogUnderTest(options: KafkaLogOptions): Promise<LogUnderTest> {
  let log: EventLog = await createKafkaLog(options)
  return {
    log,
    async reopen() {
      await log.close()
      log = await createKafkaLog(options)
      return log
    },
    appendUnreadable: (topic, partition, key) =>
      produceForeign(options.brokers, [
        { topic: `${options.prefix ?? ''}${topic}`, partition, key, value: Buffer.of(0xff, 0x13, 0x37) },
      ]),
    async remove() {
      await log.close()
      await removeTopics(options)
    },
  }
}
