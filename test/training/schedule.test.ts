import { describe, expect, it } from 'vitest'
import { learningRateAt } from '../../src/training/schedule.ts'

describe('learning rate', () => {
  const rates = Array.from({ length: 100 }, (_, i) => learningRateAt(i + 1, 100, 1e-3, 0.1))

  it('rises linearly over the warm-up', () => {
    expect(rates[0]).toBeCloseTo(1e-4, 10)
    expect(rates[4]).toBeCloseTo(5e-4, 10)
    expect(rates[9]).toBeCloseTo(1e-3, 10)
  })

  it('falls along half a cosine to zero', () => {
    expect(rates[54]).toBeCloseTo(5e-4, 10)
    expect(rates[99]).toBeCloseTo(0, 10)
    expect(rates.slice(9).every((rate, i, all) => i === 0 || rate < (all[i - 1] ?? 0))).toBe(true)
  })
})
