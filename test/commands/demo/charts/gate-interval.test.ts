import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gainScale, gateInterval, intervalGeometry } from '../../../../src/commands/demo/charts/gate-interval.ts'
import { evidenceOf } from '../fixtures.ts'
import { lineOf } from './markup.ts'

const promoted = evidenceOf(0.2871, 0.1262)
const rejected = evidenceOf(0.4133, -0.0006, { margin: 0.01 })

describe('intervalGeometry', () => {
  it('puts the lower bound left of the estimate and the upper bound right of it', () => {
    const gain = fc.double({ min: -0.3, max: 0.3, noNaN: true })
    fc.assert(
      fc.property(gain, gain, (first, second) => {
        const scale = gainScale([evidenceOf(0.4, first), evidenceOf(0.4, second)])
        for (const estimate of [first, second]) {
          const { lower, estimate: middle, upper } = intervalGeometry(evidenceOf(0.4, estimate).together, scale)
          expect(lower).toBeLessThan(middle)
          expect(upper).toBeGreaterThan(middle)
          expect(lower).toBeGreaterThanOrEqual(scale.range()[0] ?? Infinity)
          expect(upper).toBeLessThanOrEqual(scale.range()[1] ?? -Infinity)
        }
      }),
    )
  })

  it('has no bounds where there are too few images', () => {
    const { together } = promoted
    const few = { ...together, standardError: null, lowerBound: null, upperBound: null }
    expect(intervalGeometry(few, gainScale([promoted]))).toMatchObject({ lower: null, upper: null })
  })
})

describe('gateInterval', () => {
  const scale = gainScale([promoted, rejected])

  it('draws zero, the margin and the bounds where the axis has them', () => {
    for (const evidence of [promoted, rejected]) {
      const { content } = gateInterval('a model', evidence, scale)
      const [zero, margin] = [lineOf(content, 'zero'), lineOf(content, 'margin')]
      expect(zero.x1).toBeCloseTo(scale(0), 1)
      expect(margin.x1).toBeCloseTo(scale(evidence.margin), 1)
      expect(margin.x1).toBe(margin.x2)
      const bounds = lineOf(content, 'deciding bounds')
      expect(bounds.x1).toBeCloseTo(scale(evidence.together.lowerBound ?? NaN), 1)
      expect(bounds.x2).toBeCloseTo(scale(evidence.together.upperBound ?? NaN), 1)
    }
    // What the picture is for: the promoted one is clear of zero, the rejected one is not.
    expect(lineOf(gateInterval('', promoted, scale).content, 'deciding bounds').x1).toBeGreaterThan(scale(0))
    expect(lineOf(gateInterval('', rejected, scale).content, 'deciding bounds').x1).toBeLessThan(scale(0))
  })

  it('shows both sets, the validation set and, where there is one, the fresh set', () => {
    const dots = (content: string): number => content.match(/<circle/g)?.length ?? 0
    expect(dots(gateInterval('', promoted, scale).content)).toBe(3)
    expect(dots(gateInterval('', { ...promoted, fresh: null }, scale).content)).toBe(2)
  })

  it('says in words what it shows', () => {
    const { sentence, description } = gateInterval('a model', promoted, scale)
    expect(sentence).toBe('It gains +0.1262, and with 98.3 % confidence at least +0.1070; the margin is 0.005.')
    expect(description).toContain('both sets: +0.1262, between +0.1070 and +0.1454, 264 images')
  })
})
