import { Registry, collectDefaultMetrics } from 'prom-client'
import type { ErrorCode } from '../core/errors.ts'
import { retrainingReasons, type Topic } from '../core/events.ts'
import { createMetricFactory } from './metric-factory.ts'

/** How a retraining ended, counted once each. */
export const retrainingOutcomes = ['promoted', 'rejected', 'inconclusive', 'failed', 'superseded'] as const

/** What a search starts from. */
const searchKinds = ['text', 'image', 'vector'] as const

/** What an embedding consumer encodes. */
const embeddingKinds = ['image', 'caption'] as const
export type EmbeddingKind = (typeof embeddingKinds)[number]

/** Why the records of each topic die, as far as that can be known before: others start with their first death. */
const causesOfDeath = {
  pairs: [
    'record-unreadable',
    'wrong-id',
    'wrong-partition',
    'blob-missing',
    'caption-empty',
    'caption-too-long',
    'text-not-utf8',
    'metadata-invalid',
    'image-unreadable',
    'image-type-refused',
    'image-too-large',
    'image-too-many-bytes',
    'image-timeout',
    'internal',
  ],
  'retraining.requested': ['record-unreadable', 'internal'],
  'models.trained': ['record-unreadable', 'internal'],
  'pairs.indexed': ['record-unreadable'],
  releases: ['record-unreadable'],
  erasures: ['record-unreadable'],
} as const satisfies Partial<Record<Topic, readonly ErrorCode[]>>

/** Latencies of work between a millisecond and ten seconds. */
const workSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** From a publish to the first search that finds it: a second when all is well, hours when a consumer was down. */
const freshnessSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]

export type Metrics = ReturnType<typeof createMetrics>

/**
 * The metrics of one process, in a registry of its own: names and units by Prometheus' conventions (seconds, ratios from 0 to 1,
 * `_total` for counters). Counters whose labels are closed start at zero, so that `rate` sees their first step.
 */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}) {
  const registry = new Registry()
  const { counter, gauge, histogram } = createMetricFactory(registry)
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry })

  const releaseInfo = gauge(
    'pairstream_release_info',
    'The release being served, in its labels; the value is always 1.',
    ['model_version', 'generation'],
  )
  const retrainings = counter(
    'pairstream_retrainings_total',
    'Retrainings that have ended, by what asked for them and how they ended.',
    ['reason', 'outcome'],
  )
  for (const reason of retrainingReasons) {
    for (const outcome of retrainingOutcomes) retrainings.inc({ reason, outcome }, 0)
  }
  const searchSeconds = histogram(
    'pairstream_search_seconds',
    'Time to answer a search, the encoding of the query included.',
    ['kind'],
    workSeconds,
  )
  for (const kind of searchKinds) searchSeconds.zero({ kind })
  const searchCache = counter(
    'pairstream_search_cache_total',
    'Searches by texts and picture ids, by whether their answer was at hand (`hit`) or had to be found (`miss`).',
    ['outcome'],
  )
  for (const outcome of ['hit', 'miss']) searchCache.inc({ outcome }, 0)
  const embeddingSeconds = histogram(
    'pairstream_embedding_seconds',
    'Time to encode what an embedding consumer takes at once: the pictures, or the captions, of up to EMBED_BATCH records.',
    ['kind'],
    workSeconds,
  )
  for (const kind of embeddingKinds) embeddingSeconds.zero({ kind })
  const recordsDead = counter(
    'pairstream_records_dead_total',
    'Records given up and sent to a dead topic, by source and cause.',
    ['topic', 'cause'],
  )
  for (const [topic, causes] of Object.entries(causesOfDeath)) {
    for (const cause of causes) recordsDead.inc({ topic, cause }, 0)
  }

  const recordsRefused = counter(
    'pairstream_records_refused_total',
    'Records of decisions and receipts that could not be decoded and were passed, counted by each process that folds the log.',
    ['topic', 'cause'],
  )
  for (const topic of ['pairs.indexed', 'releases', 'erasures', 'rerankers'] satisfies Topic[])
    recordsRefused.inc({ topic, cause: 'record-unreadable' satisfies ErrorCode }, 0)

  return {
    pairsPublished: counter(
      'pairstream_pairs_published_total',
      'Publications in the log, whoever sent them, counted by the role `count`: each once, whatever the number of processes.',
      [],
    ),
    pairsEmbedded: counter(
      'pairstream_pairs_embedded_total',
      'Pairs whose picture, and caption where there is one, were encoded, for each generation anew.',
      [],
    ),
    pairsIndexed: counter(
      'pairstream_pairs_indexed_total',
      'Pairs whose points the vector index has acknowledged.',
      [],
    ),
    recordsDead,
    recordsRefused,
    embeddingSeconds,
    searchCache,
    searchSeconds,
    retrainingRequested: gauge(
      'pairstream_retraining_requested_timestamp_seconds',
      'When a retraining was last asked for, by what asked for it; absent before the first.',
      ['reason'],
    ),
    queriesDropped: counter(
      'pairstream_queries_dropped_total',
      'Searches that were answered and not kept, since the log was too slow or away.',
      [],
    ),
    httpRequestSeconds: histogram(
      'pairstream_http_request_seconds',
      'Time to answer an HTTP request, by method, route pattern and status.',
      ['method', 'route', 'status'],
      workSeconds,
    ),
    publishToSearchableSeconds: histogram(
      'pairstream_publish_to_searchable_seconds',
      'Time from the publication of a pair until a search can find it.',
      [],
      freshnessSeconds,
    ),
    logLagRecords: gauge('pairstream_log_lag_records', 'Records that a consumer group has yet to commit, by topic.', [
      'group',
      'topic',
    ]),
    dataSetPairs: gauge('pairstream_dataset_pairs', 'Live pairs that count towards training.', []),
    dataSetNewPairs: gauge('pairstream_dataset_new_pairs', 'Of these, pairs outside the last requested snapshot.', []),
    retrainingThreshold: gauge(
      'pairstream_retraining_threshold_ratio',
      'The growth (new pairs over those of the last snapshot) past which a retraining is requested.',
      [],
    ),
    retrainings,
    championRecall: gauge(
      'pairstream_champion_validation_recall_ratio',
      'Text-to-image Recall@k of the champion on the validation images.',
      ['k'],
    ),
    /** Names the release being served, and no other. */
    serveRelease(modelVersion: string, generation: string): void {
      releaseInfo.reset()
      releaseInfo.set({ model_version: modelVersion, generation }, 1)
    },
    contentType: registry.contentType,
    /** All metrics in Prometheus' text format. */
    text: (): Promise<string> => registry.metrics(),
  }
}
