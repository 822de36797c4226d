import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  auroc,
  calibrationError,
  reliabilityBins,
  type Said,
} from '../../../src/evaluation/relevance/calibration-measures.ts'

const said = fc.array(fc.record({ p: fc.integer({ min: 0, max: 20 }).map((n) => n / 20), isRight: fc.boolean() }), {
  minLength: 1,
  maxLength: 200,
})

describe('bins of equally many', () => {
  it('hold every probability once, in rising order', () => {
    fc.assert(
      fc.property(said, (all) => {
        const bins = reliabilityBins(all)
        expect(bins.reduce((sum, { hits }) => sum + hits, 0)).toBe(all.length)
        const counts = bins.map(({ hits }) => hits)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
        const means = bins.map((bin) => bin.said)
        for (const [i, mean] of means.entries()) expect(mean).toBeGreaterThanOrEqual((means[i - 1] ?? 0) - 1e-12)
      }),
    )
  })

  it('have the error of a sure liar, of one who says the truth, and of nobody', () => {
    const all = (p: number, isRight: boolean): Said[] => Array.from({ length: 60 }, () => ({ p, isRight }))
    expect(calibrationError(reliabilityBins(all(1, false)))).toBe(1)
    expect(calibrationError(reliabilityBins([...all(0, false), ...all(1, true)]))).toBe(0)
    // Two bins of 0.2 and 0.8 that come true in half of the cases are each 0.3 off.
    expect(calibrationError([{ said: 0.2, seen: 0.5, hits: 10 }, { said: 0.8, seen: 0.5, hits: 10 }])).toBeCloseTo(0.3, 12) // prettier-ignore
    expect(calibrationError([])).toBe(0)
  })
})

describe('the area under the ROC curve', () => {
  it('is the share of pairs in the right order, ties as half', () => {
    fc.assert(
      fc.property(said, (all) => {
        const right = all.filter(({ isRight }) => isRight)
        const wrong = all.filter(({ isRight }) => !isRight)
        const wins = right.flatMap((a) => wrong.map((b): number => (a.p > b.p ? 1 : a.p === b.p ? 0.5 : 0)))
        const expected = wins.length === 0 ? 0.5 : wins.reduce((sum, win) => sum + win, 0) / wins.length
        expect(auroc(all)).toBeCloseTo(expected, 9)
      }),
    )
  })
})
