import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { incompleteBeta, logGamma, studentTwoSided } from '../../src/evaluation/student-t.ts'

describe("Student's t", () => {
  it('has its closed forms at 1, 2 and 4 degrees of freedom', () => {
    for (const t of [0.01, 0.5, 1, 2.5, 40]) {
      expect(studentTwoSided(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 13)
      expect(studentTwoSided(t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 13)
      const share = t / Math.sqrt(4 + t * t)
      expect(studentTwoSided(t, 4)).toBeCloseTo(1 - (3 * share - share ** 3) / 2, 13)
    }
  })

  it('approaches the normal distribution', () => {
    expect(studentTwoSided(1.959963984540054, 1e7)).toBeCloseTo(0.05, 6)
  })

  it('rests on exact gamma and beta functions', () => {
    let factorial = 1
    for (let n = 1; n <= 20; n++) {
      expect(logGamma(n)).toBeCloseTo(Math.log(factorial), 11)
      factorial *= n
    }
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13)
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 50 }), (x, a) => {
        expect(incompleteBeta(x, a, 1)).toBeCloseTo(x ** a, 12)
        expect(incompleteBeta(x, a, 2.5) + incompleteBeta(1 - x, 2.5, a)).toBeCloseTo(1, 12)
      }),
    )
  })
})
