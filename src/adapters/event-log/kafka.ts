import { AppError } from '../../core/errors.ts'
import { deadTopicOf, topics, type Topic } from '../../core/events.ts'
import type { Consumer, EventLog } from '../../ports/event-log.ts'
import { createAvroCodec } from './avro-codec.ts'
import { checkSeek } from './seek.ts'
import { topicSettings, type AnyTopic } from './topic-settings.ts'
import { createConnection, patient, type RenewableConnection } from './kafka/connection.ts'
import { startGroupConsumer, startTail } from './kafka/consumers.ts'
import { translateWhileOpen } from './kafka/failures.ts'
import { deleteGroup, listGroups } from './kafka/groups.ts'
import { createBrokerOffsets } from './kafka/offsets.ts'
import { defaultSessionTimeout, type KafkaLogOptions } from './kafka/options.ts'
import { encodeRecord } from './kafka/outgoing-record.ts'
import { createIdempotentProducer } from './kafka/producer.ts'
import { createSchemaRegistry } from './kafka/schema-registry.ts'
import { createSendQueue } from './kafka/send-queue.ts'
import { createSingleReads } from './kafka/single-reads.ts'
import { prepareTopics, readClusterId, topicName } from './kafka/topics.ts'
import { createValueCodec } from './kafka/value-codec.ts'
import { defaultWriteLimits } from './write-queue.ts'

export type { KafkaLogOptions } from './kafka/options.ts'
export { checkKafka } from './kafka/check.ts'
export { hasTopics } from './kafka/topics.ts'

const numbersTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/**
 * The event log on Kafka with a schema registry. Creates the topics that are missing, unless `readOnly`. Throws `not-ready` where `mustExist` and
 * nothing is there, `log-unavailable` when brokers or
 * registry are away, `configuration-invalid` for topics that are set up wrongly, a refused user, or a schema that the registry
 * finds incompatible, `partition-count-changed`.
 */
export async function createKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  if (options.sasl?.mechanism === 'plain' && (options.tls ?? false) === false) {
    options.onLog?.('warn', 'The password of the brokers crosses the network in clear text: use TLS, or SCRAM.')
  }
  const avro = createAvroCodec(options.schemas)
  const nameOf = (topic: AnyTopic): string => topicName(options, topic)
  const groupName = (group: string): string => `${options.prefix ?? ''}${group}`
  const partitions = (topic: AnyTopic): number =>
    topicSettings.get(topic)?.partitions === 'one' ? 1 : options.partitions
  const partitionNumbers = (topic: AnyTopic): number[] => numbersTo(partitions(topic))

  // Where nothing may be begun, no schema is registered either. Elsewhere schemas come first: topics would line up processes that start
  // at once, and of two that register a schema in the same moment some registries make two versions.
  if (options.mustExist === true) await prepareTopics(options)
  const codec = await createValueCodec(createSchemaRegistry(options.registry), avro, nameOf, options)
  if (options.mustExist !== true) await prepareTopics(options)

  const allNames = [...topicSettings.keys()].map(nameOf)
  const connection = patient(createConnection(options, allNames))
  const offsets = createBrokerOffsets(connection)
  const reads = createSingleReads(connection, offsets, codec)
  const limits = { ...defaultWriteLimits, ...options.limits }
  const createProducer = () => createIdempotentProducer(() => createConnection(options, allNames))
  const queue = createSendQueue(createProducer, limits)
  const encoding = { codec, schemaVersion: avro.schemaVersion, nameOf, partitions }

  const consumers = new Set<Consumer>()
  let closed = false

  const start = (names: readonly string[], begin: (own: RenewableConnection) => Consumer): Consumer => {
    if (closed) throw new AppError('log-unavailable', 'The log is closed.')
    const consumer = begin(createConnection(options, names))
    consumers.add(consumer)
    void consumer.done.catch(() => undefined).then(() => consumers.delete(consumer))
    return consumer
  }

  /** What kafkajs throws does not leave the driver. */
  const translated = <R>(work: Promise<R>): Promise<R> =>
    work.catch((error: unknown) => {
      throw translateWhileOpen(error)
    })

  const dependencies = { codec, nameOf, partitions, onLog: options.onLog }
  const committedOffsets = (group: string, topic: Topic, some: readonly number[]) =>
    offsets.committed(groupName(group), nameOf(topic), some)

  return {
    identity: () => readClusterId(options).then((clusterId) => `kafka ${clusterId} ${options.prefix ?? ''}`),
    async append(records) {
      if (records.length === 0) return []
      if (options.readOnly === true) throw new AppError('log-unavailable', 'The log was opened to be read only.')
      const encoded = records.map((record) => encodeRecord(record, encoding))
      const given = await translated(queue.send(encoded))
      return records.map(({ topic }, index) => {
        const [partition, offset] = [encoded[index]?.partition, given[index]]
        if (partition === undefined || offset === undefined) throw new AppError('internal', 'A record has no answer.')
        return { topic, partition, offset }
      })
    },
    consume: (group, consumerOptions) =>
      start(consumerOptions.topics.map(nameOf), (own) =>
        startGroupConsumer(consumerOptions, {
          ...dependencies,
          connection: own,
          group: groupName(group),
          sessionTimeout: options.sessionTimeout ?? defaultSessionTimeout,
          committed: (topic, some) => committedOffsets(group, topic, some),
        }),
      ),
    tail: (from, consumerOptions) =>
      start(consumerOptions.topics.map(nameOf), (own) =>
        startTail(from, consumerOptions, { ...dependencies, connection: own }),
      ),
    read: async (topic, partition, offset) =>
      partition < partitions(topic) ? translated(reads.record(topic, nameOf(topic), partition, offset)) : null,
    async dead(topic) {
      const dead = deadTopicOf(topic)
      return translated(reads.dead(dead, nameOf(dead), partitionNumbers(dead)))
    },
    partitions: async (topic) => partitions(topic),
    endOffsets: (topic) => translated(offsets.ends(nameOf(topic), partitionNumbers(topic))),
    offsetsAt: (topic, timestamp) => translated(offsets.at(nameOf(topic), partitionNumbers(topic), timestamp)),
    committedOffsets: (group, topic) => translated(committedOffsets(group, topic, partitionNumbers(topic))),
    groups: () => translated(listGroups(options, topics.map(nameOf))),
    deleteGroup: (group) => translated(deleteGroup(options, groupName(group))),
    async seekGroup(group, topic, positions) {
      await translated(
        (async () => {
          checkSeek(topic, positions, await offsets.ends(nameOf(topic), partitionNumbers(topic)))
          await offsets.commit(groupName(group), nameOf(topic), positions)
        })(),
      )
    },
    maintain: async () => undefined, // brokers compact and retain by the settings of the topics
    async close() {
      if (closed) return
      closed = true
      await Promise.all([...consumers].map((consumer) => consumer.stop()))
      await queue.close()
      connection.close()
    },
  }
}
