import { describe, expect, it } from 'vitest'
import { createWeightAverage } from '../../src/training/weight-average.ts'

describe('weight average', () => {
  it('starts at the weights and leaves them alone', () => {
    const weights = { a: Float32Array.of(1, 2), b: Float32Array.of(3) }
    const { averages, update } = createWeightAverage(weights, 0.9)
    expect(averages).toEqual(weights)
    update(1)
    weights.a[0] = 5
    expect(averages['a']?.[0]).toBe(1)
    expect(weights.b[0]).toBe(3)
  })

  it('forgets at its decay once training is under way', () => {
    const weights = { a: Float32Array.of(0) }
    const { averages, update } = createWeightAverage(weights, 0.9)
    weights.a[0] = 1
    update(100)
    expect(averages['a']?.[0]).toBeCloseTo(0.1, 6)
    update(101)
    expect(averages['a']?.[0]).toBeCloseTo(0.19, 6)
  })

  it('keeps less of what was before the first steps', () => {
    const weights = { a: Float32Array.of(0) }
    const { averages, update } = createWeightAverage(weights, 0.99)
    weights.a[0] = 1
    update(1)
    expect(averages['a']?.[0]).toBeCloseTo(0.5, 6)
    update(2)
    expect(averages['a']?.[0]).toBeCloseTo(0.7, 6)
  })
})
