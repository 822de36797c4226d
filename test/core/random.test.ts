import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/core/random.ts'

describe('createRandom', () => {
  it('yields the published sequence of xoshiro128** for the state 1, 2, 3, 4', () => {
    const random = createRandom([1, 2, 3, 4])
    const sequence = Array.from({ length: 10 }, () => random.uint32())
    expect(sequence).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ])
  })

  it('repeats itself for a seed and differs between neighbouring seeds', () => {
    const draw = (seed: number) => {
      const random = createRandom(seed)
      return Array.from({ length: 20 }, () => random.uint32())
    }
    expect(draw(7)).toEqual(draw(7))
    const shared = draw(7).filter((value) => draw(8).includes(value))
    expect(shared).toEqual([])
  })

  it('stays in range', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 21 }), (seed, bound) => {
        const random = createRandom(seed)
        for (let draw = 0; draw < 20; draw++) {
          const whole = random.below(bound)
          expect(Number.isInteger(whole) && whole >= 0 && whole < bound).toBe(true)
          const share = random.float()
          expect(share >= 0 && share < 1).toBe(true)
        }
      }),
    )
  })

  it('is even: chi-square over 64 cells stays below its 1 - 10^-6 quantile', () => {
    for (const seed of [0, 1, 2, 12345]) {
      const random = createRandom(seed)
      const cells = new Array<number>(64).fill(0)
      const draws = 64_000
      for (let draw = 0; draw < draws; draw++) {
        const cell = random.below(64)
        cells[cell] = (cells[cell] ?? 0) + 1
      }
      const expected = draws / 64
      const chiSquare = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      expect(chiSquare).toBeLessThan(131)
    }
  })
})
