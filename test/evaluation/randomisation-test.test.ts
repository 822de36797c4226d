import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomisationTest } from '../../src/evaluation/randomisation-test.ts'
import { pairedReference, scoresArbitrary, scoresOf, swapRoles } from './paired-fixtures.ts'

describe('randomisationTest', () => {
  it("agrees on Fisher's randomisation test within the error of 100,000 resamples", async () => {
    const { reference, scores } = await pairedReference()
    const pValue = randomisationTest(scores, { resamples: 100_000 })
    expect(Math.abs(pValue - reference.fisher_randomisation_two_sided_pvalue)).toBeLessThan(0.005)
  })

  it('counts all arrangements of few images', () => {
    // Six images, all better alike: only 2 of the 64 arrangements are as extreme.
    const scores = scoresOf(Array.from({ length: 6 }, () => ({ queries: 2, champion: 0.1, challenger: 0.3 })))
    expect(Math.abs(randomisationTest(scores, { resamples: 100_000 }) - 2 / 64)).toBeLessThan(0.003)
  })

  it('is certain of equal systems and never of different ones', () => {
    const equal = scoresOf([0.2, 0.4].map((value) => ({ queries: 1, champion: value, challenger: value })))
    expect(randomisationTest(equal)).toBe(1)
    fc.assert(
      fc.property(scoresArbitrary(2), (scores) => {
        const pValue = randomisationTest(scores, { resamples: 99 })
        expect(pValue).toBeGreaterThanOrEqual(0.01)
        expect(pValue).toBeLessThanOrEqual(1)
        expect(randomisationTest(swapRoles(scores), { resamples: 99 })).toBe(pValue)
      }),
      { numRuns: 50 },
    )
  })
})
