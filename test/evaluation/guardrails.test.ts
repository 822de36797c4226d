import { describe, expect, it } from 'vitest'
import { latencyGuardrail, qualityGuardrail } from '../../src/evaluation/guardrails.ts'
import type { PairedScores } from '../../src/evaluation/paired-scores.ts'

const steady = (count: number, gain: number, spread: number): PairedScores => ({
  label: 'MRR',
  images: Array.from({ length: count }, (_, index) => ({
    imageId: `i${index}`,
    queries: 1,
    champion: 0.5,
    challenger: 0.5 + gain + (index % 2 === 0 ? spread : -spread),
  })),
})

describe('qualityGuardrail', () => {
  it('is hurt by a fall beyond the tolerance that is no chance', () => {
    expect(qualityGuardrail(steady(200, -0.05, 0.1))).toMatchObject({ name: 'MRR', hurt: true })
  })

  it('lets pass a small fall, a fall that may be chance, and a gain', () => {
    expect(qualityGuardrail(steady(200, -0.005, 0.001)).hurt).toBe(false)
    expect(qualityGuardrail(steady(30, -0.02, 0.3)).hurt).toBe(false)
    expect(qualityGuardrail(steady(200, 0.05, 0.1)).hurt).toBe(false)
  })

  it('concludes nothing from a handful of images', () => {
    expect(qualityGuardrail(steady(10, -0.5, 0))).toMatchObject({
      hurt: false,
      detail: expect.stringContaining('too few') as string,
    })
  })
})

describe('latencyGuardrail', () => {
  it('is hurt past the factor and the allowance', () => {
    expect(latencyGuardrail({ champion: 20, challenger: 36 }).hurt).toBe(true)
    expect(latencyGuardrail({ champion: 20, challenger: 34 }).hurt).toBe(false)
    expect(latencyGuardrail({ champion: 0.1, challenger: 2 }).hurt).toBe(false)
  })

  it('does not take a missing measurement for a fast one', () => {
    expect(latencyGuardrail({ champion: 20, challenger: NaN }).hurt).toBe(true)
  })
})
