import type { Split } from '../core/split.ts'
import type { ValueRange } from '../core/value-range.ts'

/** The two collections of a generation: image points (id = imageId) and caption points (id = pairId). */
export const pointKinds = ['images', 'captions'] as const
export type PointKind = (typeof pointKinds)[number]

export type Payload = {
  readonly imageId: string
  /** Image points: all live captions of the image; caption points: the one. */
  readonly captions: readonly string[]
  readonly split: Split
  readonly metadata: Readonly<Record<string, string>>
  /**
   * Of the newest record that the point was made from: its offset in the image's partition of `pairs`. Offsets of one image compare, those of
   * two do not. -1 for a point that was written before offsets were kept.
   */
  readonly offset: number
}

/** `id` is a UUID; `vector` has the generation's dimension, unit length and finite values. */
export type Point = { readonly id: string; readonly vector: Float32Array; readonly payload: Payload }

/** What is to go: the point with this id, as far as it was written from a record up to the offset `upTo`. */
export type Removal = { readonly id: string; readonly upTo: number }

export type Hit = { readonly id: string; readonly score: number; readonly payload: Payload }

/**
 * Every given condition must hold: the split is one of `splits`; each field of `metadata` has one of the values; the value of each field of
 * `ranges` counts as what the range is of and lies in it.
 */
export type Filter = {
  readonly splits?: readonly Split[]
  readonly metadata?: Readonly<Record<string, readonly string[]>>
  readonly ranges?: Readonly<Record<string, ValueRange>>
}

/** Whether a filter has a condition at all. */
export const isFiltering = ({ splits, metadata = {}, ranges = {} }: Filter): boolean =>
  splits !== undefined || Object.keys(metadata).length > 0 || Object.keys(ranges).length > 0

export type IndexQuery = {
  readonly vector: Float32Array
  readonly limit: number
  readonly offset?: number
  readonly filter?: Filter
  /** Compare with every point instead of walking the graph. */
  readonly exact?: boolean
}

/** `words` is a text as a person writes it. */
export type WordsQuery = {
  readonly words: string
  readonly limit: number
  readonly offset?: number
  readonly filter?: Filter
}

export type GenerationInfo = {
  readonly generation: string
  readonly dimension: number
  readonly counts: Readonly<Record<PointKind, number>>
}

/**
 * Nearest neighbours by cosine over unit vectors, best first, ties by id. A generation is created, filled, searched and dropped as
 * one. `upsert` and `remove` are idempotent by id and visible to the next `search` once they resolve; what they acknowledged
 * survives SIGKILL. Unknown generation: `generation-not-found`; wrong dimension or a value that is not finite: `invalid-vector`.
 */
export interface VectorIndex {
  /** Does nothing when it exists with the same dimension. */
  create(generation: string, dimension: number): Promise<void>
  generations(): Promise<readonly GenerationInfo[]>
  upsert(generation: string, kind: PointKind, points: readonly Point[]): Promise<void>
  /**
   * Removes each point unless it was written from a record after `upTo`, which is decided as it is removed: a removal that comes late
   * spares what was written since. Of several for one id the furthest counts.
   */
  remove(generation: string, kind: PointKind, removals: readonly Removal[]): Promise<void>
  search(generation: string, kind: PointKind, query: IndexQuery): Promise<readonly Hit[]>
  /**
   * The caption points that hold any of the words, best first by BM25 (rare words weigh most; a higher score is better, and scores of two
   * drivers do not compare), ties by id. Words are those of `searchableWords`, so neither case nor accents matter and operators of a query
   * language mean nothing; English endings are cut off, so that `dogs` finds `dog`. A query without a word finds nothing. Sees what
   * `search` sees, and throws what it throws.
   */
  searchWords(generation: string, query: WordsQuery): Promise<readonly Hit[]>
  /** The stored points among `ids`, in no promised order. */
  points(generation: string, kind: PointKind, ids: readonly string[]): Promise<readonly Point[]>
  /** What is stored beside the vectors of those among `ids` that are there, by id: a small part of what `points` has to fetch. */
  payloads(generation: string, kind: PointKind, ids: readonly string[]): Promise<ReadonlyMap<string, Payload>>
  /** All ids, for sweeps. */
  ids(generation: string, kind: PointKind): AsyncIterable<string>
  /** Names the generation that outside readers should use. The releases topic decides; this follows it. */
  serve(generation: string): Promise<void>
  serving(): Promise<string | null>
  /** Does nothing when it does not exist. */
  drop(generation: string): Promise<void>
  close(): Promise<void>
}
