import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PairedScores } from '../../src/evaluation/paired-scores.ts'
import { pairedTTest } from '../../src/evaluation/paired-t-test.ts'
import { pairedReference, scoresArbitrary, scoresOf } from './paired-fixtures.ts'

describe('pairedTTest', () => {
  it('agrees on the paired t-test to 1e-9', async () => {
    const { reference, scores } = await pairedReference()
    expect(Math.abs(pairedTTest(scores).pValue - reference.ttest_rel_pvalue)).toBeLessThan(1e-9)
  })

  it('gains nothing from copies of the queries of an image', () => {
    fc.assert(
      fc.property(scoresArbitrary(2), (scores) => {
        const copies = (queries: number): PairedScores => ({
          ...scores,
          images: scores.images.map((image) => ({ ...image, queries })),
        })
        expect(pairedTTest(copies(4)).pValue).toBeCloseTo(pairedTTest(copies(1)).pValue, 9)
      }),
    )
  })

  it('answers at the edges', () => {
    expect(pairedTTest(scoresOf([])).pValue).toBe(1)
    expect(pairedTTest(scoresOf([{ queries: 1, champion: 0, challenger: 1 }])).pValue).toBe(1)
    const constant = Array.from({ length: 5 }, () => ({ queries: 1, champion: 0.25, challenger: 0.5 }))
    expect(pairedTTest(scoresOf(constant)).pValue).toBe(0)
  })
})
