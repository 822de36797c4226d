import { describe, expect, it } from 'vitest'
import { latencyOf, median, quantile, ratioByRound } from '../../../bench/support/statistics.ts'

describe('quantile', () => {
  it('interpolates between neighbours, whatever the order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([10, 0], 0.99)).toBeCloseTo(9.9, 12)
    expect(quantile([7], 0.99)).toBe(7)
  })

  it('is not a number for no values', () => expect(median([])).toBeNaN())
})

it('sums up latencies', () => {
  expect(latencyOf([3, 1, 2])).toEqual({ count: 3, median: 2, p99: quantile([1, 2, 3], 0.99), longest: 3 })
})

it('compares only what was measured in the same round', () => {
  // The machine was ten times slower in the second round, for both sides.
  expect(ratioByRound([50, 5, 40], [100, 10, 100])).toEqual({ median: 0.5, least: 0.4, greatest: 0.5 })
})
