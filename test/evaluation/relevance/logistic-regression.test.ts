import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { fitLogistic } from '../../../src/evaluation/relevance/logistic-regression.ts'

/** Labels drawn with the probabilities that the weights give. */
function drawn(count: number, intercept: number, slopes: readonly number[]) {
  const random = createRandom(7)
  const features = slopes.map((_, i) => Float64Array.from({ length: count }, () => (random.float() - 0.5) * 4 + i))
  const labels = Array.from({ length: count }, (_, row) => {
    const x = slopes.reduce((sum, slope, i) => sum + slope * (features[i]?.[row] ?? 0), intercept)
    return random.float() < 1 / (1 + Math.exp(-x))
  })
  return { features, labels }
}

describe('logistic regression', () => {
  it('finds the weights that labels were drawn with', () => {
    const { features, labels } = drawn(40_000, -1, [2, 0.5])
    const { intercept, slopes } = fitLogistic(features, labels)
    expect(intercept).toBeCloseTo(-1, 1)
    expect(slopes[0]).toBeCloseTo(2, 1)
    expect(slopes[1]).toBeCloseTo(0.5, 1)
  })

  it('says on average what was seen, and more likely than the mere share of positives', () => {
    const { features, labels } = drawn(2_000, -1, [1, 1])
    const { intercept, slopes, logLikelihood } = fitLogistic(features, labels)
    const said = labels.map((_, row) => {
      const x = slopes.reduce((sum, slope, i) => sum + slope * (features[i]?.[row] ?? 0), intercept)
      return 1 / (1 + Math.exp(-x))
    })
    const share = labels.filter(Boolean).length / labels.length
    expect(said.reduce((sum, p) => sum + p, 0) / said.length).toBeCloseTo(share, 6)
    expect(logLikelihood).toBeGreaterThan(share * Math.log(share) + (1 - share) * Math.log(1 - share))
  })

  it('has no negative slope, and fits the others without it', () => {
    const { features, labels } = drawn(5_000, 0, [1, -1])
    const [first = new Float64Array()] = features
    const alone = fitLogistic([first], labels)
    const { slopes } = fitLogistic(features, labels)
    expect(slopes[1]).toBe(0)
    expect(slopes[0]).toBeCloseTo(alone.slopes[0] ?? 0, 9)
  })

  it('stays finite where the labels can be told apart without an error, and where a feature says nothing', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => i)
    const constant = new Float64Array(100).fill(3)
    const { intercept, slopes } = fitLogistic(
      [values, constant],
      [...values].map((value) => value >= 50),
    )
    expect([intercept, ...slopes].every(Number.isFinite)).toBe(true)
    expect(intercept + (slopes[0] ?? 0) * 99).toBeGreaterThan(2)
    expect(intercept).toBeLessThan(-2)
  })
})
