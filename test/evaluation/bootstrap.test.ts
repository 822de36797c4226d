import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootstrapDifference, quantile } from '../../src/evaluation/bootstrap.ts'
import { pairedReference, scoresArbitrary, scoresOf, swapRoles } from './paired-fixtures.ts'

describe('bootstrapDifference', () => {
  it('agrees on the percentile bootstrap within the error of 100,000 resamples', async () => {
    const { reference, scores } = await pairedReference()
    const bootstrap = bootstrapDifference(scores, { resamples: 100_000 })
    expect(bootstrap.estimate).toBeCloseTo(reference.mean_difference, 12)
    expect(Math.abs(bootstrap.lowerBound(0.025) - reference.bootstrap_percentile_95[0])).toBeLessThan(0.005)
    expect(Math.abs(bootstrap.upperBound(0.025) - reference.bootstrap_percentile_95[1])).toBeLessThan(0.005)
  })

  it('has its bounds in order, within the range of the images', () => {
    fc.assert(
      fc.property(scoresArbitrary(2), fc.integer(), (scores, seed) => {
        const bootstrap = bootstrapDifference(scores, { resamples: 200, seed })
        const differences = scores.images.map(({ champion, challenger }) => challenger - champion)
        expect(bootstrap.lowerBound(0.05)).toBeLessThanOrEqual(bootstrap.upperBound(0.05))
        expect(bootstrap.lowerBound(0.01)).toBeLessThanOrEqual(bootstrap.lowerBound(0.05))
        expect(bootstrap.lowerBound(0)).toBeGreaterThanOrEqual(Math.min(...differences) - 1e-9)
        expect(bootstrap.upperBound(0)).toBeLessThanOrEqual(Math.max(...differences) + 1e-9)
      }),
      { numRuns: 50 },
    )
  })

  it('mirrors when the roles are swapped', () => {
    fc.assert(
      fc.property(scoresArbitrary(2), (scores) => {
        const one = bootstrapDifference(scores, { resamples: 200 })
        const other = bootstrapDifference(swapRoles(scores), { resamples: 200 })
        expect(other.estimate).toBeCloseTo(-one.estimate, 12)
        expect(other.standardError).toBeCloseTo(one.standardError, 12)
        expect(other.lowerBound(0.05)).toBeCloseTo(-one.upperBound(0.05), 12)
      }),
      { numRuns: 50 },
    )
  })

  it('weighs images by their queries', () => {
    const scores = scoresOf([
      { queries: 3, champion: 0, challenger: 1 },
      { queries: 1, champion: 0, challenger: 0 },
    ])
    expect(bootstrapDifference(scores).estimate).toBeCloseTo(0.75, 12)
  })

  it('keeps the captions of an image together: copies of a query add no certainty', () => {
    const images = Array.from({ length: 200 }, (_, index) => ({ champion: 0, challenger: index % 3 === 0 ? 1 : 0 }))
    const once = bootstrapDifference(scoresOf(images.map((image) => ({ ...image, queries: 1 }))))
    const fiveTimes = bootstrapDifference(scoresOf(images.map((image) => ({ ...image, queries: 5 }))))
    expect(fiveTimes.standardError).toBeCloseTo(once.standardError, 10)
  })

  it('has the standard error of a mean', () => {
    const images = Array.from({ length: 400 }, (_, index) => ({ queries: 1, champion: 0, challenger: index % 2 }))
    const expected = Math.sqrt(0.25 / 400)
    expect(Math.abs(bootstrapDifference(scoresOf(images)).standardError - expected)).toBeLessThan(0.03 * expected)
  })

  it('repeats itself for a seed', () => {
    const scores = scoresOf([0.1, 0.5, 0.3].map((challenger) => ({ queries: 1, champion: 0.2, challenger })))
    const bounds = (seed: number) => bootstrapDifference(scores, { seed, resamples: 100 }).lowerBound(0.013)
    expect(bounds(3)).toBe(bounds(3))
  })

  it('refuses to resample nothing', () => {
    expect(() => bootstrapDifference(scoresOf([]))).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})

it('quantile interpolates between the two nearest values', () => {
  const sorted = Float64Array.of(1, 2, 4, 8)
  expect([0, 0.5, 0.9, 1].map((share) => quantile(sorted, share))).toEqual([1, 3, expect.closeTo(6.8, 12), 8])
})
