import { describe, expect, it } from 'vitest'
import {
  evaluateReranking,
  measureList,
  reordered,
  type CandidateList,
} from '../../src/reranking/evaluate-reranking.ts'

/** Ten candidates of which the last two answer, and one that was not found. */
const listOf = (group: number, query = 0): CandidateList => ({
  query: `query ${group} ${query}`,
  group: String(group),
  candidates: Array.from({ length: 10 }, (_, i) => (i < 8 ? `other ${i}` : `Answer ${i}`)),
  relevant: new Set(['answer 8', 'answer 9', 'answer missed']),
})
const answersFirst = async (_: string, documents: readonly string[]) => documents.map((text) => (text.startsWith('Answer') ? 1 : 0)) // prettier-ignore
const unmoved = async (_: string, documents: readonly string[]) => documents.map(() => 3)

describe('evaluation of a reranker', () => {
  it('measures the lists before and after by the definitions', async () => {
    const { unranked, challenger, champion, queries, overUnranked } = await evaluateReranking([listOf(1), listOf(2)], answersFirst) // prettier-ignore
    expect(queries).toBe(2)
    expect(champion).toBeNull()
    expect(unranked.reciprocal_rank).toBeCloseTo(1 / 9, 12)
    expect(unranked.average_precision).toBeCloseTo((1 / 9 + 2 / 10) / 3, 12)
    expect(challenger).toMatchObject({ reciprocal_rank: 1, success_1: 1, precision_1: 1, precision_5: 2 / 5 })
    expect(challenger.average_precision).toBeCloseTo(2 / 3, 12)
    expect(challenger.recall_fraction_10).toBeCloseTo(2 / 3, 12)
    const ideal = 1 + 1 / Math.log2(3) + 1 / 2
    expect(challenger.ndcg_10).toBeCloseTo((1 + 1 / Math.log2(3)) / ideal, 12)
    expect(overUnranked.reciprocal_rank.difference).toBeCloseTo(8 / 9, 12)
  })

  it('compares with the champion as well', async () => {
    const { champion, overChampion, overUnranked } = await evaluateReranking([listOf(1), listOf(2)], unmoved, answersFirst) // prettier-ignore
    expect(champion?.reciprocal_rank).toBe(1)
    expect(overChampion?.reciprocal_rank.difference).toBeCloseTo(-8 / 9, 12)
    expect(overUnranked.ndcg_10).toEqual({ difference: 0, pairedTTest: 1, randomisationTest: 1 })
  })

  it('keeps the order where scores are equal, and what has none last', () => {
    const { candidates } = listOf(1)
    expect(reordered(candidates, candidates.map(() => 0))).toEqual(candidates) // prettier-ignore
    expect(reordered(candidates, [])).toEqual(candidates)
    expect(reordered(['a', 'b', 'c', 'd'], [1, 2])).toEqual(['b', 'a', 'c', 'd'])
    expect(measureList(listOf(1), candidates).reciprocal_rank).toBeCloseTo(1 / 9, 12)
  })

  it('takes the lists of one group for one observation', async () => {
    const better = async (query: string, documents: readonly string[]) =>
      (Number(query.split(' ')[1]) % 4 === 0 ? (await answersFirst(query, documents)).map((score) => -score) : answersFirst(query, documents)) // prettier-ignore
    const groups = Array.from({ length: 8 }, (_, group) => listOf(group))
    const repeated = groups.flatMap((_, group) => Array.from({ length: 20 }, (_, query) => listOf(group, query)))
    const once = (await evaluateReranking(groups, better)).overUnranked.ndcg_10
    const often = (await evaluateReranking(repeated, better)).overUnranked.ndcg_10
    expect(often.difference).toBeCloseTo(once.difference, 12)
    expect(often.pairedTTest).toBeCloseTo(once.pairedTTest, 12)
    expect(often.randomisationTest).toBeCloseTo(once.randomisationTest, 12)
    expect(once.randomisationTest).toBeGreaterThan(0.01)
  })
})
