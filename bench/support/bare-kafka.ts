import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { cloudEventHeaders } from '../../src/adapters/event-log/cloud-events.ts'
import { topicConfigurations } from '../../src/adapters/event-log/kafka/topic-configuration.ts'
import { frame } from '../../src/adapters/event-log/kafka/wire-format.ts'
import { partitionOf } from '../../src/core/partition.ts'
import type { MeasuredRecord } from './log-records.ts'

/** A record in the form that goes to the broker: what the log makes of it, made beforehand. */
export type BareRecord = {
  readonly partition: number
  readonly key: string
  readonly value: Buffer
  readonly headers: Record<string, string>
}

export const bareRecord = ({ record, bytes }: MeasuredRecord, partitions: number): BareRecord => ({
  partition: partitionOf(record.key.split(':')[0] ?? '', partitions),
  key: record.key,
  value: frame(1, bytes),
  headers: cloudEventHeaders('pairs', 1, Date.now(), undefined),
})

/** Makes a topic with the settings that the log gives to its pairs. */
async function makeTopic(kafka: Kafka, topic: string, partitions: number): Promise<void> {
  const settings = topicConfigurations(partitions, 1).get('pairs')?.settings ?? {}
  const configEntries = Object.entries(settings).map(([name, { value }]) => ({ name, value }))
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
    waitForLeaders: false, // kafkajs fails where the broker has not heard of the topic yet
  })
  while (!(await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null))) await delay(50)
  await admin.disconnect()
}

/** The peer of the log: kafkajs with the same durability, one topic, and a group that reads it. */
export async function openBareKafka(brokers: string, topic: string, partitions: number) {
  const kafka = new Kafka({ brokers: [brokers], clientId: 'bare', logLevel: logLevel.NOTHING })
  await makeTopic(kafka, topic, partitions)
  const producer: Producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  })
  await producer.connect()
  return {
    /** One request, durable when it resolves. */
    async append(messages: readonly BareRecord[]): Promise<void> {
      await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: [...messages] }] })
    },
    /** Joins the group, reads `count` records from where it is, and commits after every batch. */
    async consume(count: number): Promise<void> {
      let seen = 0
      const consumer = kafka.consumer({ groupId: `${topic}-readers`, maxWaitTimeInMs: 100 })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            partitionsConsumedConcurrently: 1,
            async eachBatch({ batch, resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets }) {
              resolveOffset(batch.lastOffset())
              await commitOffsetsIfNecessary(uncommittedOffsets())
              seen += batch.messages.length
              if (seen >= count) resolve()
            },
          })
          .catch(reject)
      })
      await consumer.disconnect()
    },
    close: () => producer.disconnect(),
  }
}

export type BareKafka = Awaited<ReturnType<typeof openBareKafka>>
