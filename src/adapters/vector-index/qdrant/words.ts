import type { Schemas } from '@qdrant/js-client-rest'
import { searchableWords } from '../../../core/searchable-words.ts'

/** The sparse vector of a caption point that holds its words; Qdrant weighs them by how rare they are in the collection. */
export const WORDS = 'words'
export const wordVectors = {
  [WORDS]: { modifier: 'idf' },
} as const satisfies Schemas['CreateCollection']['sparse_vectors']

/**
 * Qdrant's own BM25, which runs on the server. It is given words that are folded already, so it only cuts off English endings. A caption
 * has some eleven words (Flickr8k: 10.8): the length from which on a caption counts as long.
 */
const options = {
  tokenizer: 'whitespace',
  lowercase: false,
  language: 'none',
  stemmer: { type: 'snowball', language: 'english' },
  avg_len: 11,
} as const satisfies Schemas['Bm25Config']

/** A text as Qdrant makes that vector from it, for points and queries alike; null where it holds no word. */
export function wordsIn(text: string) {
  const words = searchableWords(text)
  if (words.length === 0) return null
  return { text: words.join(' '), model: 'qdrant/bm25', options } satisfies Schemas['Document']
}
