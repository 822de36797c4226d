import type { Split } from '../core/split.ts'
import { isFiltering, type Filter, type PointKind } from '../ports/vector-index.ts'
import type { RerankingReport } from './rerank-hits.ts'
import type { Stages } from './stage-clock.ts'

type PictureInput =
  | { readonly kind: 'picture'; readonly bytes: Uint8Array }
  /** More like this picture, which itself is left out of the pictures found. */
  | { readonly kind: 'image'; readonly imageId: string }

/** What is searched for. */
export type SearchInput =
  | { readonly kind: 'text'; readonly text: string }
  | PictureInput
  | { readonly kind: 'embedding'; readonly embedding: readonly number[] }
  /** A picture, changed by words. */
  | {
      readonly kind: 'both'
      readonly text: string
      readonly picture: PictureInput
      /** What the text counts beside the picture, 0 to 1. */
      readonly textWeight: number
    }

export const searchModes = ['vector', 'text', 'hybrid'] as const
/** `vector` compares meanings and needs a model; `text` compares words (BM25) and needs none; `hybrid` fuses the ranks of both. */
export type SearchMode = (typeof searchModes)[number]

export const MAX_LIMIT = 100
export const MAX_OFFSET = 1_000
/** Hits that are put into a better order at most: each caption takes milliseconds. */
export const MAX_RERANKED = 100
/** Searches in one request. */
export const MAX_QUERIES = 100
/** What a text counts beside a picture where nothing is said. */
export const TEXT_WEIGHT = 0.5

export type SearchRequest = {
  readonly input: SearchInput
  /** What is not wanted: what is searched for is moved away from it; in mode `vector`. */
  readonly not?: string | undefined
  readonly target: PointKind
  readonly mode: SearchMode
  /** 1 to `MAX_LIMIT`. */
  readonly limit: number
  /** 0 to `MAX_OFFSET`. */
  readonly offset: number
  readonly filter: Filter
  /** How many of the first hits a reranker puts into a better order, 0 (the default) to `MAX_RERANKED`; of texts only. */
  readonly rerank?: number
  /** Leaves out hits that are less relevant, or less than what was fitted for the model; of pictures found by a text alone. */
  readonly minRelevance?: number | 'auto' | undefined
  /** Shows one of several near-duplicates, the best; of pictures. */
  readonly group?: boolean
  /** Who asks, as an opaque id; for the log of queries alone. */
  readonly principal?: string | null
}

/** The texts that the model has to see, as they were given. */
export function textsIn({ input, not }: Pick<SearchRequest, 'input' | 'not'>): string[] {
  const wanted = input.kind === 'text' || input.kind === 'both' ? [input.text] : []
  return not === undefined ? wanted : [...wanted, not]
}

/** The id of the picture that more like it is wanted of. */
export function likenessIn({ input }: Pick<SearchRequest, 'input'>): string | null {
  const picture = input.kind === 'both' ? input.picture : input
  return picture.kind === 'image' ? picture.imageId : null
}

/** Whether any release must find something, in its own order: the first page of all there is, by meaning. */
export const isUnfilteredVectorSearch = ({
  mode,
  filter,
  offset,
  rerank = 0,
  not,
  minRelevance,
}: SearchRequest): boolean =>
  mode === 'vector' &&
  offset === 0 &&
  rerank === 0 &&
  not === undefined &&
  minRelevance === undefined &&
  !isFiltering(filter)

export type SearchHit = {
  /** Cosine in mode `vector`, BM25 in mode `text`, fused ranks in mode `hybrid`: higher is better in all. */
  readonly score: number
  /** The probability that it is a right answer; null where that is not known. */
  readonly relevance: number | null
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
  /** Its near-duplicates that pass the filter; null where they were not grouped. */
  readonly duplicates: readonly string[] | null
  readonly modelVersion: string | null
  readonly generation: string | null
}

export type SearchRelease = { readonly releaseId: string; readonly modelVersion: string; readonly generation: string }

/** Model and generation are those of one release; null where full text answers while there is no model. */
export type SearchResult = {
  /** Feedback names it; absent where queries are not kept. */
  readonly queryId?: string
  readonly hits: readonly SearchHit[]
  /** Whether nothing matches well: nothing was found, or the best hit is less relevant than the threshold; null where that is not known. */
  readonly noMatch: boolean | null
  /** The relevance below which a best hit is no match; null where that is not known. */
  readonly relevanceThreshold: number | null
  readonly release: SearchRelease | null
  readonly modelVersion: string | null
  readonly generation: string | null
  /** What became of the reranking; null where none was asked for. */
  readonly reranked: RerankingReport | null
  /** Whether the answer had been given before, and is still right. */
  readonly cached: boolean
  readonly stages: Stages
  readonly tookMs: number
}

/** The address of a picture's bytes. */
export const imageAddress = (imageId: string): string => `/v1/images/${imageId}/content`
