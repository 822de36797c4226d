import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { logShares, RANKED, relevanceIn, type RelevanceModel } from '../../src/core/relevance.ts'

const score = fc.double({ min: -1, max: 1, noNaN: true })
const ranking = fc.array(score, { minLength: 1, maxLength: 80 }).map((scores) => scores.sort((a, b) => b - a))
const slope = fc.double({ min: 0, max: 50, noNaN: true })
const model: fc.Arbitrary<RelevanceModel> = fc.record({
  intercept: fc.double({ min: -20, max: 20, noNaN: true }),
  scoreSlope: slope,
  shareSlope: slope,
  sharpness: slope,
})

describe('the relevance of hits', () => {
  it('is a probability that never rises down a ranking', () => {
    fc.assert(
      fc.property(model, ranking, (fitted, scores) => {
        const relevances = scores.map(relevanceIn(fitted, scores))
        for (const [i, relevance] of relevances.entries()) {
          expect(relevance).toBeGreaterThanOrEqual(0)
          expect(relevance).toBeLessThanOrEqual(relevances[i - 1] ?? 1)
        }
      }),
    )
  })

  it('falls, or stays, where more hits come near', () => {
    fc.assert(
      fc.property(model, ranking, score, (fitted, scores, another) => {
        const [best = 0] = scores
        const crowded = [...scores, another].sort((a, b) => b - a)
        expect(relevanceIn(fitted, crowded)(best)).toBeLessThanOrEqual(relevanceIn(fitted, scores)(best) + 1e-12)
      }),
    )
  })

  it('goes by shares that add up to one over the hits that count', () => {
    fc.assert(
      fc.property(ranking, slope, (scores, sharpness) => {
        const share = logShares(scores, sharpness)
        const sum = scores.slice(0, RANKED).reduce((total, each) => total + Math.exp(share(each)), 0)
        expect(sum).toBeCloseTo(1, 9)
      }),
    )
  })
})
