import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fuseRanks } from '../../src/api/fuse-ranks.ts'
import type { Candidate } from '../../src/api/live-hits.ts'

const candidates = (ids: readonly string[]): Candidate[] =>
  ids.map((imageId, index) => ({ imageId, pairId: null, score: 100 - index }))

it('scores by the sum of reciprocal ranks, sixty added', () => {
  const fused = fuseRanks([candidates(['a', 'b', 'c']), candidates(['c', 'd'])])
  expect(fused.map(({ imageId, score }) => [imageId, score])).toEqual([
    ['c', 1 / 63 + 1 / 61],
    ['a', 1 / 61],
    ['b', 1 / 62],
    ['d', 1 / 62],
  ])
})

it('keeps every candidate once, whatever the order of the rankings, and one ranking as it is', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 30 })
  fc.assert(
    fc.property(ids, ids, (first, second) => {
      const fused = fuseRanks([candidates(first), candidates(second)])
      expect(fused.map(({ imageId }) => imageId).sort()).toEqual([...new Set([...first, ...second])].sort())
      expect(fuseRanks([candidates(second), candidates(first)]).map(({ imageId }) => imageId)).toEqual(
        fused.map(({ imageId }) => imageId),
      )
      expect(fuseRanks([candidates(first)]).map(({ imageId }) => imageId)).toEqual(first)
      const scores = fused.map(({ score }) => score)
      expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    }),
  )
})
