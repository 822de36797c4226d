import { beforeEach, describe, expect, it } from 'vitest'
import type { Reranker } from '../../src/ports/reranker.ts'

export type RerankerUnderTest = {
  readonly reranker: Reranker
  /** Opens the same model anew; its scores must be the same. */
  readonly reopen: () => Promise<Reranker>
}

const QUERY = 'a dog runs'
const DOCUMENTS = ['a dog runs in the red cafe', 'the cat', '', 'a red dog', 'a dog runs, a cat runs, a red dog runs!']

/** What every reranker guarantees. `create` registers its own cleaning up. */
export function rerankerContract(create: () => Promise<RerankerUnderTest>): void {
  let under: RerankerUnderTest
  beforeEach(async () => {
    under = await create()
  })

  const expectClose = (scores: readonly number[], expected: readonly number[]): void => {
    expect(scores).toHaveLength(expected.length)
    for (const [index, score] of scores.entries()) expect(score).toBeCloseTo(expected[index] ?? NaN, 4)
  }

  describe('a reranker', () => {
    it('gives one finite score a document, within its scale', async () => {
      const { reranker } = under
      const scores = await reranker.rank(QUERY, DOCUMENTS)
      expect(scores).toHaveLength(DOCUMENTS.length)
      expect(scores.every(Number.isFinite)).toBe(true)
      if (reranker.scale === 'probability') expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true)
    })

    it('gives a document the same score whatever it is ranked with, in the order given', async () => {
      const { reranker } = under
      const together = await reranker.rank(QUERY, DOCUMENTS)
      expectClose(await reranker.rank(QUERY, [...DOCUMENTS].reverse()), [...together].reverse())
      const alone = await Promise.all(DOCUMENTS.map((document) => reranker.rank(QUERY, [document])))
      expectClose(alone.flat(), together)
    })

    it('tells documents apart, and queries', async () => {
      const { reranker } = under
      const scores = await reranker.rank(QUERY, DOCUMENTS)
      expect(new Set(scores).size).toBeGreaterThan(1)
      expect(await reranker.rank('the red cafe', DOCUMENTS)).not.toEqual(scores)
    })

    it('takes an empty query, a very long document, and nothing to rank', async () => {
      const { reranker } = under
      expect(await reranker.rank('', ['a dog'])).toHaveLength(1)
      const [score] = await reranker.rank(QUERY, ['a dog runs '.repeat(3_000)])
      expect(Number.isFinite(score)).toBe(true)
      expect(await reranker.rank(QUERY, [])).toEqual([])
    })

    it('gives the same scores when it is opened again', async () => {
      const before = await under.reranker.rank(QUERY, DOCUMENTS)
      const again = await under.reopen()
      try {
        expect(again).toMatchObject({ modelVersion: under.reranker.modelVersion, scale: under.reranker.scale })
        expectClose(await again.rank(QUERY, DOCUMENTS), before)
      } finally {
        await again.close()
      }
    })

    it('finishes what it was given before it closes, and refuses more', async () => {
      const reranker = await under.reopen()
      const ranking = reranker.rank(QUERY, DOCUMENTS)
      await reranker.close()
      expect(await ranking).toHaveLength(DOCUMENTS.length)
      await expect(reranker.rank(QUERY, DOCUMENTS)).rejects.toMatchObject({ code: 'model-not-found' })
    })
  })
}
