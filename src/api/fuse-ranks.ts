import type { Candidate } from './live-hits.ts'

/** What is added to every rank, so that the first few do not decide alone. */
const K = 60

/**
 * Rankings as one: each candidate scores the sum of 1 / (60 + its rank from 1) over the rankings that it is in, ties by id (Cormack, Clarke and Buettcher,
 * "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009). Each ranking has a candidate once.
 */
export function fuseRanks(rankings: readonly (readonly Candidate[])[]): Candidate[] {
  const fused = new Map<string, Candidate>()
  for (const ranking of rankings) {
    for (const [index, candidate] of ranking.entries()) {
      const id = candidate.pairId ?? candidate.imageId
      const score = (fused.get(id)?.score ?? 0) + 1 / (K + index + 1)
      fused.set(id, { ...candidate, score })
    }
  }
  return Array.from(fused)
    .sort(([id, a], [other, b]) => b.score - a.score || (id < other ? -1 : 1))
    .map(([, candidate]) => candidate)
}
