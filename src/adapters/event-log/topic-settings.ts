import { topics, type DeadTopic, type Topic } from '../../core/events.ts'

const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** The name of any topic of the log, dead topics included. */
export type AnyTopic = Topic | DeadTopic

export type TopicSettings = {
  /** `many` is the configured count; `one` keeps a topic in one order. */
  readonly partitions: 'many' | 'one'
  /** How long records are kept, in milliseconds; null keeps them for ever. */
  readonly retention: number | null
  /** Where set, only the newest record of a key is kept, and of a key whose newest record is a tombstone none. */
  readonly compaction: {
    /** A record younger than this, in milliseconds, is kept although superseded (Kafka's `segment.ms`). */
    readonly minimumAge: number
    /** How long a tombstone is kept, in milliseconds (Kafka's `delete.retention.ms`). */
    readonly tombstoneRetention: number
  } | null
}

const forEver = { retention: null, compaction: null }

/** Only the newest record of a key counts; what a tombstone took away is gone within days, and the tombstone within a month. */
const newestOfKey = { retention: null, compaction: { minimumAge: HOUR, tombstoneRetention: 30 * DAY } }

/** What people asked and did: it goes with time, and at once where a tombstone takes it back. */
const ofPeople = { ...newestOfKey, retention: 90 * DAY }

const liveTopics: Readonly<Record<Topic, TopicSettings>> = {
  pairs: { partitions: 'many', ...newestOfKey },
  'pairs.indexed': { partitions: 'many', retention: 7 * DAY, compaction: null },
  'retraining.requested': { partitions: 'one', ...forEver },
  'models.trained': { partitions: 'one', ...forEver },
  releases: { partitions: 'one', ...forEver },
  erasures: { partitions: 'one', ...forEver },
  judgements: { partitions: 'many', ...newestOfKey },
  rerankers: { partitions: 'one', ...forEver },
  queries: { partitions: 'many', ...ofPeople },
  feedback: { partitions: 'many', ...ofPeople },
  audit: { partitions: 'one', ...forEver },
}

/** How every topic is kept. A dead topic has the partitions of its source. */
export const topicSettings: ReadonlyMap<AnyTopic, TopicSettings> = new Map(
  topics.flatMap((topic): [AnyTopic, TopicSettings][] => [
    [topic, liveTopics[topic]],
    [`${topic}.dead`, { partitions: liveTopics[topic].partitions, retention: 14 * DAY, compaction: null }],
  ]),
)

/** Whether offsets may be missing that once were there, up to the end even. */
export const isCompacted = (topic: AnyTopic): boolean => (topicSettings.get(topic)?.compaction ?? null) !== null

export const isDeadTopic = (topic: AnyTopic): topic is DeadTopic => topic.endsWith('.dead')
