import type { Split } from './split.ts'

/** A picture with a caption. `picture` or `blobKey` carries the image; the other is null. */
export type PairPublished = {
  readonly imageId: string
  readonly pairId: string
  /** As published; null where the picture has none. Readers use `normaliseCaption` of it. */
  readonly caption: string | null
  /** Whose data it is, opaque; part of the pair's id. */
  readonly subject: string | null
  readonly picture: Uint8Array | null
  readonly blobKey: string | null
  readonly contentType: string
  readonly width: number
  readonly height: number
  /** Near-duplicates share it (see `perceptualHash`); null from producers that do not compute one. */
  readonly perceptualHash: string | null
  readonly split: Split | null
  /** Where it came from, for people: `flickr8k:1000268201_693b08cb0e.jpg`. */
  readonly source: string
  readonly metadata: Readonly<Record<string, string>>
  /** Milliseconds since the epoch, as all times in events. */
  readonly publishedAt: number
}

export type PairIndexed = {
  readonly pairId: string
  readonly imageId: string
  readonly generation: string
  readonly modelVersion: string
  readonly publishedAt: number
  readonly embeddedAt: number
  readonly indexedAt: number
}

export const retrainingReasons = ['volume', 'drift', 'feedback', 'schedule', 'manual'] as const
export type RetrainingReason = (typeof retrainingReasons)[number]

export type RetrainingRequested = {
  readonly requestId: string
  readonly previousRequestId: string | null
  readonly reason: string
  /** Live counted pairs in the snapshot. */
  readonly dataSetSize: number
  /** Of these, pairs outside the snapshot of the request before. */
  readonly newPairs: number
  readonly threshold: number
  /** Blob key of the snapshot. */
  readonly snapshot: string
  readonly requestedBy: string
  readonly requestedAt: number
}

export type ModelTrained = {
  readonly modelVersion: string
  /** The model whose weights the training started from; null when it started from scratch. */
  readonly parent: string | null
  readonly requestId: string
  /** `trained`, `failed` or `superseded`. */
  readonly outcome: string
  /** Why, where it is not `trained`. */
  readonly detail: string | null
  /** Blob key of the model's manifest, where it is `trained`. */
  readonly manifest: string | null
  readonly metrics: Readonly<Record<string, number>>
  readonly startedAt: number
  readonly trainedAt: number
}

export type ReleaseState =
  'building' | 'promoted' | 'rejected' | 'inconclusive' | 'probation-passed' | 'reverted' | 'retired'

export type ReleaseRecord = {
  readonly releaseId: string
  /** The release record this one follows (compare-and-set by the log); null for the first. */
  readonly follows: string | null
  /** A `ReleaseState`; a string so that older readers can skip newer ones. */
  readonly state: string
  /** The model and the generation it is about; after `reverted`, the ones that serve again. */
  readonly modelVersion: string
  readonly generation: string | null
  /** Why, in one sentence. */
  readonly reason: string
  /** JSON: the gate's numbers, or what the watch saw. */
  readonly evidence: string | null
  readonly decidedAt: number
}

export type ErasureRecord = {
  readonly pairId: string
  readonly imageId: string
  /** `requested`, `done` or `restored`. */
  readonly state: string
  readonly requestedBy: string
  /** When it was asked for; of a receipt (`done`), the time of the tombstone that it is about. */
  readonly at: number
  /** When the log itself holds no trace any more; null until `done`. */
  readonly logCleanBy: number | null
  /** In a receipt: `index/<generation>` of each, `blobs`, `features`, `training-data`, `catalogue`, `log`; absent from older ones. */
  readonly removedFrom?: readonly string[]
  /** In a receipt: the models that learned from it. */
  readonly trainedModels?: readonly string[]
}

/** How well a document answers a query, in somebody's judgement. Of the same two texts the newest counts. */
export type Judgement = {
  readonly query: string
  readonly document: string
  /** From 0, not at all, to 1. */
  readonly relevance: number
  /** Who or what judged: `editors`, `clicks`, `captions`. */
  readonly source: string
  readonly createdAt: number
}

/** What became of a training of a reranker. */
export type RerankerJudged = {
  readonly modelVersion: string
  /** The promoted reranker that it was compared with, beside the order without one; null where there was none. */
  readonly champion: string | null
  /** `promoted` or `rejected`; a string so that older readers can skip newer ones. */
  readonly outcome: string
  /** Why, in one sentence. */
  readonly reason: string
  /** JSON: the measures of both orders, their differences and the tests. */
  readonly evidence: string
  /** Blob key of the model's manifest; null where it was rejected. */
  readonly manifest: string | null
  /** What it learned from and was judged on, as a digest. */
  readonly judgements: string
  readonly judgedAt: number
}

/** A search that was answered, without what tells of a person. */
export type QueryAsked = {
  readonly queryId: string
  /** What was searched by: `text`, `picture`, `embedding`, `image`, or `both`, a text and a picture. */
  readonly input: string
  /** The text as `withoutPersonalData` leaves it; null where there was none. */
  readonly text: string | null
  /** The picture that others like it were asked for; null where it was something else. */
  readonly imageId: string | null
  /** `images` or `captions`. */
  readonly target: string
  /** `vector`, `text` or `hybrid`. */
  readonly mode: string
  /** Who asked: an opaque id, or null where nobody is told from another. */
  readonly principal: string | null
  readonly modelVersion: string | null
  readonly generation: string | null
  /** How many hits come before the first of `hits`. */
  readonly offset: number
  /** The first of what was found, best first. */
  readonly hits: readonly { readonly imageId: string; readonly pairId: string | null; readonly score: number }[]
  readonly tookMs: number
  readonly askedAt: number
}

export const feedbackActions = ['click', 'up', 'down'] as const

/** What somebody made of a hit. */
export type FeedbackGiven = {
  readonly queryId: string
  /** One of `feedbackActions`; a string so that older readers can skip newer ones. */
  readonly action: string
  readonly imageId: string
  /** The caption, where captions were searched. */
  readonly pairId: string | null
  /** Where the hit stood in the answer, from 0; null where that is not known. */
  readonly position: number | null
  /** Who gave it: an opaque id, or null where nobody is told from another. */
  readonly principal: string | null
  readonly givenAt: number
}

/** A link of the chain of one writer: what somebody did or asked to see. See `audit-chain.ts`. */
export type AuditEntry = {
  /** The process that wrote it; each has a chain of its own. */
  readonly writer: string
  /** From 0, without gaps within a writer. */
  readonly sequence: number
  /** The hash of the writer's entry before; 64 zeros in the first. */
  readonly previousHash: string
  /** SHA-256 of all other fields as JSON with sorted names, in hexadecimal digits. */
  readonly hash: string
  /** Who: opaque, see `principal-names.ts`. */
  readonly principal: string
  /** What: a permission (`pairs:erase`), or what only commands do (`models:promote`). */
  readonly action: string
  /** On what: an id; null where it is many, or nothing in particular. */
  readonly object: string | null
  /** How many things it was about. */
  readonly count: number
  /** `asked` before a change, then `ok` or the error code. */
  readonly outcome: string
  readonly at: number
  /** The trace whose records and log lines belong to it. */
  readonly traceId: string | null
}

/** The value of a record by its topic. */
export type TopicValues = {
  pairs: PairPublished
  'pairs.indexed': PairIndexed
  'retraining.requested': RetrainingRequested
  'models.trained': ModelTrained
  releases: ReleaseRecord
  erasures: ErasureRecord
  judgements: Judgement
  rerankers: RerankerJudged
  queries: QueryAsked
  feedback: FeedbackGiven
  audit: AuditEntry
}

export type Topic = keyof TopicValues
export type DeadTopic = `${Topic}.dead`

export const topics = [
  'pairs',
  'pairs.indexed',
  'retraining.requested',
  'models.trained',
  'releases',
  'erasures',
  'judgements',
  'rerankers',
  'queries',
  'feedback',
  'audit',
] as const satisfies readonly Topic[]

export const deadTopicOf = (topic: Topic): DeadTopic => `${topic}.dead`
