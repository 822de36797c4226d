import { describe, expect, it } from 'vitest'
import {
  evaluateReranking,
  measureList,
  reordered,
  type CandidateList,
} from '../../src/reranking/evaluate-reranking.ts'

/** Ten candidates of which the last two answer, and one that was not found. */
const listOf = (image: number, caption = 0): CandidateList => ({
  query: `query ${image} ${caption}`,
  imageId: `image ${image}`,
  candidates: Array.from({ length: 10 }, (_, i) => ({
    id: `${image} ${i}`,
    text: i < 8 ? `other ${i}` : `answer ${i}`,
  })),
  relevant: new Set([`${image} 8`, `${image} 9`, `${image} missed`]),
})
const answersFirst = async (_: string, documents: readonly string[]) => documents.map((text) => (text.startsWith('answer') ? 1 : 0)) // prettier-ignore

describe('evaluation of a reranker', () => {
  it('measures the lists before and after by the definitions', async () => {
    const { before, after, queries, changes } = await evaluateReranking([listOf(1), listOf(2)], answersFirst)
    expect(queries).toBe(2)
    expect(before.reciprocal_rank).toBeCloseTo(1 / 9, 12)
    expect(before.average_precision).toBeCloseTo((1 / 9 + 2 / 10) / 3, 12)
    expect(after).toMatchObject({ reciprocal_rank: 1, success_1: 1, precision_1: 1, precision_5: 2 / 5 })
    expect(after.average_precision).toBeCloseTo(2 / 3, 12)
    expect(after.recall_fraction_10).toBeCloseTo(2 / 3, 12)
    const ideal = 1 + 1 / Math.log2(3) + 1 / 2
    expect(after.ndcg_10).toBeCloseTo((1 + 1 / Math.log2(3)) / ideal, 12)
    expect(changes.reciprocal_rank.difference).toBeCloseTo(8 / 9, 12)
  })

  it('keeps the order of the first stage where scores are equal', async () => {
    const { candidates } = listOf(1)
    expect(
      reordered(
        candidates,
        candidates.map(() => 0),
      ),
    ).toEqual(candidates)
    expect(measureList(listOf(1), reordered(candidates, [])).reciprocal_rank).toBeCloseTo(1 / 9, 12)
    const { changes } = await evaluateReranking([listOf(1), listOf(2)], async (_, documents) => documents.map(() => 3))
    expect(changes.ndcg_10).toEqual({ difference: 0, pairedTTest: 1, randomisationTest: 1 })
  })

  it('takes the captions of one image for one observation', async () => {
    const better = async (query: string, documents: readonly string[]) =>
      (Number(query.split(' ')[1]) % 4 === 0 ? (await answersFirst(query, documents)).map((score) => -score) : answersFirst(query, documents)) // prettier-ignore
    const images = Array.from({ length: 8 }, (_, image) => listOf(image))
    const captions = images.flatMap((_, image) => Array.from({ length: 20 }, (_, caption) => listOf(image, caption)))
    const [once, often] = [await evaluateReranking(images, better), await evaluateReranking(captions, better)]
    expect(often.changes.ndcg_10.difference).toBeCloseTo(once.changes.ndcg_10.difference, 12)
    expect(often.changes.ndcg_10.pairedTTest).toBeCloseTo(once.changes.ndcg_10.pairedTTest, 12)
    expect(often.changes.ndcg_10.randomisationTest).toBeCloseTo(once.changes.ndcg_10.randomisationTest, 12)
    expect(once.changes.ndcg_10.randomisationTest).toBeGreaterThan(0.01)
  })
})
