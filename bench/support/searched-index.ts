import usearch from 'usearch'
import { createEmbeddedIndex, type EmbeddedIndex } from '../../src/adapters/vector-index/embedded.ts'
import type { IndexSettings } from '../../src/adapters/vector-index/settings.ts'
import type { IndexQuery } from '../../src/ports/vector-index.ts'

export const GENERATION = 'bench'
/** Share of the points that a filter on `metadata.share` lets through, by its value. */
export const shares = { tenth: 0.1, hundredth: 0.01 } as const

const idOf = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

/** Every hundredth point and every tenth carry a field to filter by; the two sets do not overlap. */
function metadataOf(number: number): Readonly<Record<string, string>> {
  if (number % 100 === 1) return { share: 'hundredth' }
  return number % 10 === 0 ? { share: 'tenth' } : {}
}

/** An embedded index with the vectors as its image points, the graph complete; and how long that took, in milliseconds. */
export async function buildIndex(folder: string, vectors: readonly Float32Array[], settings: Partial<IndexSettings>) {
  const index = createEmbeddedIndex({ folder, writable: true, settings })
  await index.create(GENERATION, vectors[0]?.length ?? 1)
  const start = performance.now()
  const points = vectors.map((vector, number) => {
    const id = idOf(number)
    return {
      id,
      vector,
      payload: { imageId: id, captions: [], split: 'train' as const, metadata: metadataOf(number), offset: number },
    }
  })
  await index.upsert(GENERATION, 'images', points)
  await index.settled()
  return { index, milliseconds: performance.now() - start }
}

/** The ids found by each query, and how long each search took, in milliseconds. */
export type Searches = { readonly found: readonly (readonly string[])[]; readonly milliseconds: readonly number[] }

export const joinSearches = (parts: readonly Searches[]): Searches => ({
  found: parts.flatMap(({ found }) => found),
  milliseconds: parts.flatMap(({ milliseconds }) => milliseconds),
})

/** Searches the image points once a query, one after another. */
export async function searchAll(
  index: EmbeddedIndex,
  queries: readonly Float32Array[],
  page: Omit<IndexQuery, 'vector'>,
): Promise<Searches> {
  const found: string[][] = []
  const milliseconds: number[] = []
  for (const vector of queries) {
    const start = performance.now()
    const hits = await index.search(GENERATION, 'images', { ...page, vector })
    milliseconds.push(performance.now() - start)
    found.push(hits.map(({ id }) => id))
  }
  return { found, milliseconds }
}

/** The same by usearch's own exact search over the vectors in memory, with one thread: a peer without a store behind it. */
export function usearchExact(
  vectors: readonly Float32Array[],
  queries: readonly Float32Array[],
  limit: number,
): Searches {
  const width = vectors[0]?.length ?? 1
  const matrix = new Float32Array(vectors.length * width)
  vectors.forEach((vector, row) => matrix.set(vector, row * width))
  const found: string[][] = []
  const milliseconds: number[] = []
  for (const query of queries) {
    const start = performance.now()
    const { keys } = usearch.exactSearch(matrix, query, width, limit, usearch.MetricKind.IP, 1)
    milliseconds.push(performance.now() - start)
    found.push(Array.from(keys, (key) => idOf(Number(key))))
  }
  return { found, milliseconds }
}

/** The mean share of what should be found that was: recall@k, k being how many the exact search gave. */
export function recallOf(found: Searches['found'], exact: Searches['found']): number {
  const recalls = exact.map((wanted, query) => {
    const got = new Set(found[query])
    return wanted.length === 0 ? 1 : wanted.filter((id) => got.has(id)).length / wanted.length
  })
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length
}
