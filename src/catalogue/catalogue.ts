import type {
  ErasureRecord,
  ModelTrained,
  PairIndexed,
  ReleaseRecord,
  RerankerJudged,
  RetrainingRequested,
} from '../core/events.ts'
import type { Split } from '../core/split.ts'
import type { Consumer, EventLog } from '../ports/event-log.ts'
import type { Filter, PointKind } from '../ports/vector-index.ts'

type CatalogueCaption = { readonly pairId: string; readonly caption: string }

export type CatalogueImage = {
  readonly imageId: string
  readonly blobKey: string
  readonly contentType: string
  readonly width: number
  readonly height: number
  readonly split: Split
  /** Images that share it are near-duplicates. */
  readonly splitKey: string
  readonly source: string
  readonly metadata: Readonly<Record<string, string>>
  /** Live pairs with a caption, in the order of publication. */
  readonly captions: readonly CatalogueCaption[]
  /** Of the newest record of a live pair, captioned or not; all are in one partition. */
  readonly newestOffset: number
}

export type CataloguePair = {
  readonly pairId: string
  readonly imageId: string
  /** Normalised; null where the picture has none. */
  readonly caption: string | null
  readonly subject: string | null
  readonly split: Split
  readonly source: string
  readonly metadata: Readonly<Record<string, string>>
  readonly publishedAt: number
  readonly acceptedAt: number
  /** Where the log holds the newest record of it. */
  readonly position: { readonly partition: number; readonly offset: number }
  readonly erased: boolean
  /** What the newest `pairs.indexed` record of each generation says. */
  readonly indexed: readonly Pick<PairIndexed, 'generation' | 'modelVersion' | 'embeddedAt' | 'indexedAt'>[]
}

/** A live pair with a caption, as snapshots and evaluation see it. */
export type LivePair = {
  readonly pairId: string
  readonly imageId: string
  readonly caption: string
  readonly split: Split
  /** Images that share it are near-duplicates and share every split. */
  readonly splitKey: string
}

export type TextHit = {
  readonly pairId: string
  readonly imageId: string
  readonly caption: string
  readonly score: number
}

export type CatalogueCounts = {
  readonly images: number
  /** Live pairs with a caption. */
  readonly pairs: number
  /** Of these, in the train split. */
  readonly counted: number
  /** Of the counted ones, in the last requested snapshot: the counter's base. */
  readonly base: number
}

/** The release in force: which model and which generation to serve, always both. */
export type CurrentRelease = {
  readonly release: ReleaseRecord
  readonly modelVersion: string
  readonly generation: string
}

/**
 * What is alive and what is released, folded from `pairs`, `pairs.indexed`, `erasures`, `retraining.requested`, `models.trained`,
 * `releases` and `rerankers` into this process' own SQLite file, the offsets in the same transaction. Reads are synchronous and cheap.
 */
export interface Catalogue {
  /**
   * Starts folding; `caughtUp` resolves once everything that was in the log at the call is folded. Where `signal` is raised before
   * that, these and `foldedPast` throw `not-ready` at once.
   */
  follow(log: EventLog, signal?: AbortSignal): Promise<Consumer>
  caughtUp(log: EventLog, signal?: AbortSignal): Promise<void>
  /** Resolves once these records of `pairs` are folded. */
  foldedPast(
    records: readonly { readonly partition: number; readonly offset: number }[],
    signal?: AbortSignal,
  ): Promise<void>
  /** Whether everything in the log but `pairs.indexed` is folded now. */
  isCaughtUp(log: EventLog): Promise<boolean>
  /** Calls back after each folded batch; returns the unsubscription. */
  onChange(listener: () => void): () => void
  /** Calls back after each folded batch of `releases`. */
  onReleaseChange(listener: () => void): () => void

  pair(pairId: string): CataloguePair | null
  image(imageId: string): CatalogueImage | null
  isLiveImage(imageId: string): boolean
  isLivePair(pairId: string): boolean
  /** The ids among `ids` whose image, or whose pair, is live: what an index may hold points of. */
  liveAmong(kind: PointKind, ids: readonly string[]): ReadonlySet<string>
  /** The live images among `imageIds`. */
  images(imageIds: readonly string[]): ReadonlyMap<string, CatalogueImage>
  /** The live images of a group of near-duplicates, by id. */
  imagesLike(splitKey: string, limit?: number): readonly string[]
  /** Up to `limit` live pairs in the order of their ids, after the id `after` ('' begins). */
  pairPage(after: string, limit: number): readonly CataloguePair[]
  /** The pairs of an image, also erased ones. */
  pairsOfImage(imageId: string): readonly CataloguePair[]
  /** The live pairs that name this data subject, in the order of their ids. */
  pairsOfSubject(subject: string): readonly CataloguePair[]
  liveImageIds(): IterableIterator<string>
  /** The live pairs with a caption, ordered by pairId. */
  livePairs(): IterableIterator<LivePair>
  /** Of these, the pairs of one split, read without walking over the others. */
  livePairsOf(split: Split): readonly LivePair[]
  isErased(pairId: string): boolean
  counts(): CatalogueCounts
  /** How many live images are in the validation and fresh splits, which models are judged on. */
  heldOutImages(): number
  /** Full text over live captions (FTS5, bm25; a higher score is better). */
  searchText(query: string, limit: number, offset: number, filter?: Filter): readonly TextHit[]

  /** Requests in the order of the log, the first record of an id only. */
  requests(): readonly RetrainingRequested[]
  /** The first record of each request. */
  models(): readonly ModelTrained[]
  model(modelVersion: string): ModelTrained | null
  /** Valid release records in order: each follows the one before; others are ignored. */
  releases(): readonly ReleaseRecord[]
  currentRelease(): CurrentRelease | null
  /** Rerankers that were trained and judged, oldest first; promoted ones each against the champion before. */
  rerankers(): readonly RerankerJudged[]
  /** The newest of them that was promoted. */
  promotedReranker(): RerankerJudged | null
  erasure(pairId: string): ErasureRecord | null
  erasures(): readonly ErasureRecord[]
  close(): void
}
