import type { Split } from '../core/split.ts'
import type { Filter, PointKind } from '../ports/vector-index.ts'
import type { RerankingReport } from './rerank-hits.ts'

/** What is searched for. */
export type SearchInput =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'picture'; readonly bytes: Uint8Array }
  | { readonly kind: 'embedding'; readonly embedding: readonly number[] }
  /** More like this picture, which itself is left out of the pictures found. */
  | { readonly kind: 'image'; readonly imageId: string }

export const searchModes = ['vector', 'text'] as const
/** `vector` compares meanings and needs a model; `text` compares words (BM25) and needs none. */
export type SearchMode = (typeof searchModes)[number]

export const MAX_LIMIT = 100
export const MAX_OFFSET = 1_000
/** Hits that are put into a better order at most: each caption takes milliseconds. */
export const MAX_RERANKED = 100

export type SearchRequest = {
  readonly input: SearchInput
  readonly target: PointKind
  readonly mode: SearchMode
  /** 1 to `MAX_LIMIT`. */
  readonly limit: number
  /** 0 to `MAX_OFFSET`. */
  readonly offset: number
  readonly filter: Filter
  /** How many of the first hits a reranker puts into a better order, 0 (the default) to `MAX_RERANKED`; of texts only. */
  readonly rerank?: number
  /** Who asks, as an opaque id; for the log of queries alone. */
  readonly principal?: string | null
}

/** Whether any release must find something, in its own order: the first page of all there is, by meaning. */
export const isUnfilteredVectorSearch = ({ mode, filter, offset, rerank = 0 }: SearchRequest): boolean =>
  mode === 'vector' &&
  offset === 0 &&
  rerank === 0 &&
  filter.splits === undefined &&
  Object.keys(filter.metadata ?? {}).length === 0

export type SearchHit = {
  /** Cosine in mode `vector`, BM25 in mode `text`: higher is better in both. */
  readonly score: number
  /** What a reranker makes of its best caption; null where the hit stands where the search found it. */
  readonly rerankScore: number | null
  readonly imageId: string
  /** Where the bytes of the picture are. */
  readonly image: string
  /** All live captions of the picture. */
  readonly captions: readonly { readonly pairId: string; readonly caption: string }[]
  /** The caption that was found; null where pictures are searched. */
  readonly pairId: string | null
  readonly caption: string | null
  readonly split: Split
  readonly metadata: Readonly<Record<string, string>>
  readonly modelVersion: string | null
  readonly generation: string | null
}

/** Model and generation are those of one release; null where full text answers while there is no model. */
export type SearchResult = {
  /** Feedback names it; absent where queries are not kept. */
  readonly queryId?: string
  readonly hits: readonly SearchHit[]
  readonly modelVersion: string | null
  readonly generation: string | null
  /** What became of the reranking; null where none was asked for. */
  readonly reranked: RerankingReport | null
  readonly tookMs: number
}

/** The address of a picture's bytes. */
export const imageAddress = (imageId: string): string => `/v1/images/${imageId}/content`
