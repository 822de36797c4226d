import { randomUUID } from 'node:crypto'
import { Kafka, Partitioners, logLevel, type Admin, type Kafka as Client } from 'kafkajs'
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
