import { scoreOf } from './score-blocks.ts'

/**
 * Finds the exact ranks of the relevant documents without sorting anything: a document's rank is one more than the number of
 * documents that beat it, so it is enough to see every score once and to count. Ties go to the document with the lower index.
 */
export interface RankCounter {
  see(query: number, document: number, score: number): void
  /** The ranks of a query's relevant documents, from 1, rising. */
  ranks(query: number): readonly number[]
}

/** `relevant` lists the indices of the relevant documents of each query. */
export function createRankCounter(
  queries: readonly Float32Array[],
  documents: readonly Float32Array[],
  relevant: readonly (readonly number[])[],
): RankCounter {
  const total = relevant.reduce((sum, list) => sum + list.length, 0)
  const starts = new Int32Array(queries.length + 1)
  // The relevant documents of all queries behind one another, each query's best first.
  const scores = new Float32Array(total)
  const indices = new Int32Array(total)
  /** At each relevant document: how many documents beat it, but not the one before it. */
  const beaten = new Int32Array(total)

  for (const [query, list] of relevant.entries()) {
    const start = starts[query] ?? 0
    starts[query + 1] = start + list.length
    const vector = queries[query] ?? new Float32Array()
    list
      .map((document) => ({ document, score: scoreOf(vector, documents[document] ?? new Float32Array()) }))
      .sort((a, b) => b.score - a.score || a.document - b.document)
      .forEach(({ document, score }, position) => {
        scores[start + position] = score
        indices[start + position] = document
      })
  }

  const beats = (document: number, score: number, position: number): boolean => {
    const opponent = scores[position] ?? 0
    return score > opponent || (score === opponent && document < (indices[position] ?? 0))
  }

  return {
    see(query, document, score) {
      const start = starts[query] ?? 0
      let position = starts[query + 1] ?? 0
      while (position > start && beats(document, score, position - 1)) position--
      if (position < (starts[query + 1] ?? 0)) beaten[position] = (beaten[position] ?? 0) + 1
    },
    ranks(query) {
      let before = 0
      return [...beaten.subarray(starts[query], starts[query + 1])].map((count) => {
        before += count
        return before + 1
      })
    },
  }
}
