import type { Schemas } from '@qdrant/js-client-rest'
import { onTestFinished } from 'vitest'
import { createQdrantIndex, type QdrantIndexOptions } from '../../../src/adapters/vector-index/qdrant.ts'
import type { VectorIndex } from '../../../src/ports/vector-index.ts'
import { pointIdOf } from '../../fixtures/points.ts'
import { collectionInfo, result, standIn, type Reply, type StandIn } from './qdrant-stand-in.ts'

export const along = (...values: number[]): Float32Array => Float32Array.from(values)

/** The generation `g1` of two dimensions, as far as its images go. */
export const known = { 'GET /collections/images_g1': result(collectionInfo(2)) }

/** An index over a server with these routes, closed when the test has ended. */
export async function indexOver(
  routes: Readonly<Record<string, Reply>>,
  options: Partial<QdrantIndexOptions> = {},
): Promise<{ index: VectorIndex; server: StandIn }> {
  const server = await standIn(routes)
  const index = await createQdrantIndex({ url: server.url, deadline: 2_000, ...options })
  onTestFinished(() => index.close())
  return { index, server }
}

/** Folded words as Qdrant is to make their sparse vector. */
export const wordsDocument = (text: string) =>
  ({
    text,
    model: 'qdrant/bm25',
    options: {
      tokenizer: 'whitespace',
      lowercase: false,
      language: 'none',
      stemmer: { type: 'snowball', language: 'english' },
      avg_len: 11,
    },
  }) satisfies Schemas['Document']

export const scored = (number: number, score: number, metadata: Record<string, string> = {}) =>
  ({
    id: pointIdOf(number),
    version: 1,
    score,
    payload: { imageId: pointIdOf(number), captions: [`caption ${number}`], split: 'train', metadata, offset: 0 },
  }) satisfies Schemas['ScoredPoint']

export const found = (...points: readonly Schemas['ScoredPoint'][]): Reply =>
  result({ points: [...points] } satisfies Schemas['QueryResponse'])
