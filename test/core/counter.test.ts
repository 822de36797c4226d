import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCrossing, pairsUntilCrossing, type CounterState } from '../../src/core/counter.ts'

const settings = { threshold: 0.1, firstTrainingPairs: 1_000 }
const state = (base: number, fresh: number, requested = true): CounterState => ({ base, fresh, requested })

describe('the crossing', () => {
  it('is strictly past the threshold', () => {
    expect(isCrossing(state(1_000, 100), settings)).toBe(false)
    expect(isCrossing(state(1_000, 101), settings)).toBe(true)
    expect(isCrossing(state(30, 3), settings)).toBe(false)
    expect(isCrossing(state(30, 4), settings)).toBe(true)
  })

  it('waits for the first pairs before there was a request', () => {
    expect(isCrossing(state(0, 999, false), settings)).toBe(false)
    expect(isCrossing(state(0, 1_000, false), settings)).toBe(true)
  })

  it('is there with the first pair after the base was erased to nothing', () => {
    expect(isCrossing(state(0, 0), settings)).toBe(false)
    expect(isCrossing(state(0, 1), settings)).toBe(true)
  })

  it('comes after exactly as many pairs as are said to be missing', () => {
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.nat(20_000),
        fc.boolean(),
        fc.double({ min: 0.001, max: 10, noNaN: true }),
        (base, fresh, requested, threshold) => {
          const chosen = { threshold, firstTrainingPairs: 1_000 }
          const missing = pairsUntilCrossing(state(base, fresh, requested), chosen)
          expect(isCrossing(state(base, fresh + missing, requested), chosen)).toBe(true)
          if (missing > 0) expect(isCrossing(state(base, fresh + missing - 1, requested), chosen)).toBe(false)
        },
      ),
    )
  })
})
