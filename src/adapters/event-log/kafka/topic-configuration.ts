import { topicSettings, DAY, type AnyTopic, type TopicSettings } from '../topic-settings.ts'

/** The largest batch of records that a topic takes, in bytes: two pictures of 900 kB with their captions. */
export const MAX_BATCH_BYTES = 2 * 1024 * 1024

/** The longest that a superseded or erased record stays readable, in milliseconds. */
const LONGEST_COMPACTION_LAG = DAY

type Wanted = {
  readonly value: string
  /** Whether more than that is good too. */
  readonly orMore?: boolean
}

export type TopicConfiguration = {
  readonly partitions: number
  readonly settings: Readonly<Record<string, Wanted>>
}

const untilOld = (retention: number | null): Record<string, Wanted> => ({
  'retention.ms': { value: String(retention ?? -1) },
  'retention.bytes': { value: '-1' },
})

const keptBy = ({ retention, compaction }: TopicSettings): Record<string, Wanted> =>
  compaction === null
    ? { 'cleanup.policy': { value: 'delete' }, ...untilOld(retention) }
    : {
        'cleanup.policy': { value: retention === null ? 'compact' : 'compact,delete' },
        ...(retention === null ? {} : untilOld(retention)),
        'delete.retention.ms': { value: String(compaction.tombstoneRetention) },
        'segment.ms': { value: String(compaction.minimumAge) },
        'min.compaction.lag.ms': { value: String(compaction.minimumAge) },
        'max.compaction.lag.ms': { value: String(LONGEST_COMPACTION_LAG) },
      }

/** How every topic is to be set up in Kafka, by its name without the prefix. */
export function topicConfigurations(
  partitions: number,
  minimumInSync: number,
): ReadonlyMap<AnyTopic, TopicConfiguration> {
  return new Map(
    [...topicSettings].map(([topic, settings]) => [
      topic,
      {
        partitions: settings.partitions === 'one' ? 1 : partitions,
        settings: {
          ...keptBy(settings),
          'max.message.bytes': { value: String(MAX_BATCH_BYTES), orMore: true },
          'min.insync.replicas': { value: String(minimumInSync), orMore: true },
          // A replica that lacks acknowledged records must not lead.
          'unclean.leader.election.enable': { value: 'false' },
          // A foreign producer's clock must not decide what is old, nor its compression what can be read.
          'message.timestamp.type': { value: 'LogAppendTime' },
          'compression.type': { value: 'uncompressed' },
        },
      },
    ]),
  )
}

/** A topic as the brokers have it. */
export type FoundTopic = {
  readonly partitions: number
  readonly replicas: number
  readonly settings: Readonly<Record<string, string>>
}

const isGood = ({ value, orMore }: Wanted, found: string): boolean =>
  found === value || (orMore === true && Number(found) >= Number(value))

/** What is wrong with a topic, each a sentence that says how to put it right; empty where all is well. */
export function topicFaults(
  name: string,
  found: FoundTopic,
  wanted: TopicConfiguration,
  replicationFactor: number,
): string[] {
  const settings = Object.entries(wanted.settings).flatMap(([setting, want]) => {
    const value = found.settings[setting] ?? 'nothing'
    if (isGood(want, value)) return []
    const bound = want.orMore === true ? 'at least ' : ''
    return [
      `The topic ${name} has ${setting} ${value}; set it to ${bound}${want.value} ` +
        `(kafka-configs --alter --topic ${name} --add-config ${setting}=${want.value}).`,
    ]
  })
  const replicas =
    found.replicas >= replicationFactor
      ? []
      : [
          `The topic ${name} has replication.factor ${found.replicas}; reassign its partitions to ${replicationFactor} brokers, ` +
            'or set KAFKA_REPLICATION to what it has.',
        ]
  return [...settings, ...replicas]
}
