import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import type { TopicConfiguration } from './topic-configuration.ts'
import { refusalsOf, type TopicRefusal } from './topic-refusals.ts'

/** A topic by its full name. */
export type NamedTopic = { readonly name: string; readonly wanted: TopicConfiguration }

/** How long brokers that start together may take to register, in milliseconds. */
const PATIENCE = 5_000
const PAUSE = 250

/** What a cluster does not take, however often it is asked. */
const notTaken = new Set(['INVALID_CONFIG', 'POLICY_VIOLATION'])

/**
 * Creates the topics; those that another process has made meanwhile are left as they are. Throws `configuration-invalid` for what
 * the cluster does not take, and where there are too few brokers after some seconds; else what kafkajs throws.
 */
export async function createTopics(admin: Admin, topics: readonly NamedTopic[], factor: number): Promise<void> {
  const until = performance.now() + PATIENCE
  for (;;) {
    const refusals = await request(admin, topics, factor)
    const refused = refusals.find(({ type }) => notTaken.has(type))
    if (refused !== undefined) throw settingsRefused(refused, topics)
    const [first] = refusals
    if (first === undefined) return
    if (first.type !== 'INVALID_REPLICATION_FACTOR') throw first
    const { brokers } = await admin.describeCluster()
    if (brokers.length < factor && performance.now() > until) {
      const detail =
        `There are ${brokers.length} brokers, fewer than the ${factor} to keep the topics on; ` +
        'start the others, or set KAFKA_REPLICATION (and KAFKA_MIN_IN_SYNC).'
      throw new AppError('configuration-invalid', detail, { cause: first })
    }
    if (performance.now() > until) throw first
    await delay(PAUSE)
  }
}

/** Resolves to the refusals of those that are not there then. */
async function request(admin: Admin, topics: readonly NamedTopic[], factor: number): Promise<TopicRefusal[]> {
  try {
    await admin.createTopics({
      waitForLeaders: false, // kafkajs gives up when a broker has not heard of the topics yet
      topics: topics.map(({ name, wanted }) => ({
        topic: name,
        numPartitions: wanted.partitions,
        replicationFactor: factor,
        configEntries: Object.entries(wanted.settings).map(([setting, { value }]) => ({ name: setting, value })),
      })),
    })
    return []
  } catch (error) {
    const refusals = refusalsOf(error)
    if (refusals.length === 0) throw error
    return refusals.filter(({ type }) => type !== 'TOPIC_ALREADY_EXISTS')
  }
}

function settingsRefused({ topic, message }: TopicRefusal, topics: readonly NamedTopic[]): AppError {
  const settings = Object.entries(topics.find(({ name }) => name === topic)?.wanted.settings ?? {})
  const wanted = settings.map(([setting, { value }]) => `${setting}=${value}`).join(', ')
  const detail =
    `The cluster does not take the topic ${topic} as it has to be (${message}): allow its settings, or make the topic ` +
    `with them yourself (${wanted}).`
  return new AppError('configuration-invalid', detail)
}
