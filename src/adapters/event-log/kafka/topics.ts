import { setTimeout as delay } from 'node:timers/promises'
import kafkajs, { type Admin } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import type { AnyTopic } from '../topic-settings.ts'
import { createClient } from './client.ts'
import { translate } from './failures.ts'
import { noLeader } from './leaders.ts'
import { defaultReplication, type KafkaLogOptions } from './options.ts'
import { createSockets } from './sockets.ts'
import { createTopics, type NamedTopic } from './topic-creation.ts'
import { topicConfigurations, topicFaults, type FoundTopic } from './topic-configuration.ts'

/** How long the brokers may take to set up new topics, in milliseconds. */
const CREATION = 10_000
const PAUSE = 20

const namesOf = (topics: readonly NamedTopic[]): string[] => topics.map(({ name }) => name)

export const topicName = (options: KafkaLogOptions, topic: AnyTopic): string => `${options.prefix ?? ''}${topic}`

/** Runs with an admin client of its own; what it throws is translated. */
export async function withAdmin<R>(options: KafkaLogOptions, work: (admin: Admin) => Promise<R>): Promise<R> {
  const sockets = createSockets()
  const admin = createClient(options, sockets).admin()
  try {
    await admin.connect()
    return await work(admin)
  } catch (error) {
    throw translate(error)
  } finally {
    sockets.cut()
  }
}

/** What the cluster calls itself, for as long as it lives. */
export const readClusterId = (options: KafkaLogOptions): Promise<string> =>
  withAdmin(options, async (admin) => (await admin.describeCluster()).clusterId)

function wantedTopics(options: KafkaLogOptions): NamedTopic[] {
  const { minimumInSync } = options.replication ?? defaultReplication
  return [...topicConfigurations(options.partitions, minimumInSync)].map(([topic, wanted]) => ({
    name: topicName(options, topic),
    wanted,
  }))
}

/** What was created, once all brokers have heard of it and every partition has a leader. */
async function describeNew(admin: Admin, names: readonly string[]): Promise<Map<string, DescribedTopic>> {
  const until = performance.now() + CREATION
  for (;;) {
    try {
      const found = await describe(admin, names)
      if ([...found.values()].every(({ leaderless }) => leaderless.length === 0)) return found
    } catch (error) {
      if (performance.now() > until) throw error
    }
    if (performance.now() > until) throw new AppError('log-unavailable', 'New topics of Kafka have no leader yet.')
    await delay(PAUSE)
  }
}

type DescribedTopic = FoundTopic & { readonly leaderless: readonly number[] }

async function describe(admin: Admin, names: readonly string[]): Promise<Map<string, DescribedTopic>> {
  const [{ topics }, { resources }] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [...names] }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    }),
  ])
  const settings = new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      Object.fromEntries(configEntries.map((entry) => [entry.configName, entry.configValue])),
    ]),
  )
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      {
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        settings: settings.get(name) ?? {},
        leaderless: partitions.filter(({ leader }) => leader < 0).map(({ partitionId }) => partitionId),
      },
    ]),
  )
}

/** Whether any of the topics is there: before the first role has started, nobody can have published. */
export const hasTopics = (options: KafkaLogOptions): Promise<boolean> =>
  withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    return wantedTopics(options).some(({ name }) => existing.has(name))
  })

/**
 * Creates the topics that are missing (where it may not, that is a fault), and checks all: the new ones too, as another process may have made them meanwhile. Throws
 * `not-ready` where all are missing and one must be there, `partition-count-changed`, and `configuration-invalid` that names topic, setting, found and wanted.
 */
export async function prepareTopics(options: KafkaLogOptions): Promise<void> {
  const topics = wantedTopics(options)
  const { factor } = options.replication ?? defaultReplication
  const check = (some: readonly NamedTopic[], found: ReadonlyMap<string, FoundTopic>): void => {
    const faults = some.flatMap((topic) => checkTopic(topic, found.get(topic.name), factor))
    if (faults.length > 0) throw new AppError('configuration-invalid', faults.join(' '))
  }
  await withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const old = topics.filter(({ name }) => existing.has(name))
    const missing = topics.filter(({ name }) => !existing.has(name))
    if (old.length === 0 && options.mustExist === true) {
      const detail = "Nothing was published into Kafka yet; use 'pairstream publish', or set KAFKA_PREFIX."
      throw new AppError('not-ready', detail)
    }
    if (old.length > 0) {
      const found = await describe(admin, namesOf(old))
      check(old, found)
      // The other partitions can be worked with meanwhile.
      for (const fault of leaderFaults(found)) options.onLog?.('warn', fault)
    }
    if (missing.length === 0) return
    if (options.readOnly === true) {
      const detail = `Kafka has no ${namesOf(missing).join(', ')} yet; the next role that starts makes them.`
      throw new AppError('configuration-invalid', detail)
    }
    await createTopics(admin, missing, factor)
    check(missing, await describeNew(admin, namesOf(missing)))
  })
}

const leaderFaults = (found: ReadonlyMap<string, DescribedTopic>): string[] =>
  [...found].flatMap(([name, { leaderless }]) => (leaderless.length === 0 ? [] : [noLeader(name, leaderless)]))

function checkTopic({ name, wanted }: NamedTopic, found: FoundTopic | undefined, factor: number): string[] {
  if (found === undefined) return []
  if (found.partitions !== wanted.partitions) {
    throw new AppError(
      'partition-count-changed',
      `The topic ${name} was created with ${found.partitions} partitions and cannot have ${wanted.partitions}: ` +
        `configure ${found.partitions}, or begin with new topics under another KAFKA_PREFIX.`,
    )
  }
  return topicFaults(name, found, wanted, factor)
}

/** What is wrong with the topics, each a sentence; missing ones are created at start and no fault. */
export async function findTopicFaults(options: KafkaLogOptions): Promise<string[]> {
  const topics = wantedTopics(options)
  const { factor } = options.replication ?? defaultReplication
  return withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const old = topics.filter(({ name }) => existing.has(name))
    if (old.length === 0) return []
    const found = await describe(admin, namesOf(old))
    const faults = old.flatMap((topic) => {
      try {
        return checkTopic(topic, found.get(topic.name), factor)
      } catch (error) {
        return [translate(error).message]
      }
    })
    return [...faults, ...leaderFaults(found)]
  })
}
