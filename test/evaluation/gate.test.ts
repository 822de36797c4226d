import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom, type Random } from '../../src/core/random.ts'
import { decideRelease, mayLookAgain, type GateInput } from '../../src/evaluation/gate.ts'
import type { PairedImage, PairedScores } from '../../src/evaluation/paired-scores.ts'
import { scoresArbitrary, scoresOf, swapRoles } from './paired-fixtures.ts'

/** A difference of `gain` on every image, with a spread of `spread` on either side, in turns. */
const steady = (count: number, gain: number, spread = 0): PairedScores =>
  scoresOf(
    Array.from({ length: count }, (_, index) => ({
      queries: 5,
      champion: 0.4,
      challenger: 0.4 + gain + (index % 2 === 0 ? spread : -spread),
    })),
  )

const decide = (input: Partial<GateInput> & { validation: PairedScores }) =>
  decideRelease({ fresh: null, guardrails: [], reason: 'volume', ...input })

describe('decideRelease promotes', () => {
  it('a gain over the margin on both sets', () => {
    const decision = decide({ validation: steady(100, 0.03, 0.05), fresh: steady(50, 0.02, 0.05) })
    expect(decision).toMatchObject({ outcome: 'promoted', margin: 0.005, evidence: { cause: 'better' } })
    expect(decision.evidence.together).toMatchObject({ images: 150, queries: 750 })
    expect(decision.estimate).toBeCloseTo((100 * 0.03 + 50 * 0.02) / 150, 12)
    expect(decision.sentence).toMatch(/^Promoted: NDCG@10, text to image, goes from 0\.4000 to 0\.4267 \(\+0\.0267\)/)
  })

  it('a clear gain although the standard error is over half the margin', () => {
    const decision = decide({ validation: steady(1000, 0.02, 0.2) })
    expect(decision.standardError).toBeGreaterThan(0.0025)
    expect(decision.outcome).toBe('promoted')
  })

  it('a challenger that is better on every image by more than the margin, whatever the request was for', () => {
    const images = fc.array(
      fc.record({
        queries: fc.integer({ min: 1, max: 5 }),
        champion: fc.double({ min: 0, max: 0.5, noNaN: true }),
        gain: fc.double({ min: 0.0101, max: 0.5, noNaN: true }),
      }),
      { minLength: 20, maxLength: 60 },
    )
    fc.assert(
      fc.property(images, fc.constantFrom('volume', 'manual', 'drift'), (records, reason) => {
        const validation = scoresOf(
          records.map(({ queries, champion, gain }) => ({ queries, champion, challenger: champion + gain })),
        )
        expect(decide({ validation, reason, thresholds: { resamples: 300 } }).outcome).toBe('promoted')
      }),
      { numRuns: 40 },
    )
  })
})

describe('decideRelease never promotes', () => {
  it('equal systems', () => {
    fc.assert(
      fc.property(scoresArbitrary(0), fc.constantFrom('volume', 'manual'), (scores, reason) => {
        const validation = {
          ...scores,
          images: scores.images.map((image) => ({ ...image, challenger: image.champion })),
        }
        expect(decide({ validation, reason, thresholds: { resamples: 100 } }).outcome).not.toBe('promoted')
      }),
    )
  })

  it('both of two, whichever is called the champion', () => {
    fc.assert(
      fc.property(scoresArbitrary(0), scoresArbitrary(0), fc.integer(), (validation, fresh, seed) => {
        const thresholds = { resamples: 100, seed }
        const one = decide({ validation, fresh, thresholds })
        const other = decide({ validation: swapRoles(validation), fresh: swapRoles(fresh), thresholds })
        expect([one.outcome, other.outcome].filter((outcome) => outcome === 'promoted').length).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('a gain below the margin, however certain', () => {
    const validation = steady(400, 0.004)
    expect(decide({ validation })).toMatchObject({ outcome: 'rejected', evidence: { cause: 'gain-ruled-out' } })
    expect(decide({ validation: steady(400, 0.007) }).outcome).toBe('promoted')
    expect(decide({ validation: steady(400, 0.007), reason: 'manual' })).toMatchObject({
      outcome: 'rejected',
      margin: 0.01,
    })
  })

  it('what hurts a guardrail, and says which', () => {
    const guardrails = [
      { name: 'MRR', hurt: false, detail: 'fine' },
      { name: 'latency', hurt: true, detail: '90 ms against 20 ms' },
    ]
    const decision = decide({ validation: steady(200, 0.1), guardrails })
    expect(decision).toMatchObject({ outcome: 'rejected', evidence: { cause: 'guardrail-hurt' } })
    expect(decision.sentence).toContain('it hurts latency (90 ms against 20 ms)')
  })

  it('what is plainly worse, and says that rather than what else it hurts', () => {
    const guardrails = ['MRR', 'MAP'].map((name) => ({ name, hurt: true, detail: '-0.0400' }))
    const decision = decide({ validation: steady(200, -0.0356), guardrails })
    expect(decision).toMatchObject({ outcome: 'rejected', evidence: { cause: 'gain-ruled-out' } })
    expect(decision.sentence).toMatch(/\(-0\.0356\) .*, and with .* it gains -0\.0356 at most, less than the margin/)
    expect(decision.sentence).not.toContain('hurts')
  })

  it('nor forgets what it cannot tell yet for a guardrail', () => {
    const guardrails = [{ name: 'MRR', hurt: true, detail: '-0.0400' }]
    expect(decide({ validation: steady(100, 0.004, 0.1), guardrails })).toMatchObject({
      outcome: 'inconclusive',
      evidence: { cause: 'too-uncertain' },
    })
  })

  it('what gains on fresh images by losing on the validation images', () => {
    const decision = decide({ validation: steady(200, -0.04, 0.01), fresh: steady(400, 0.08, 0.01) })
    expect(decision.estimate).toBeGreaterThan(0.005)
    expect(decision).toMatchObject({ outcome: 'rejected', evidence: { cause: 'validation-worse' } })
  })

  it('on a handful of images, however good they look', () => {
    const decision = decide({ validation: steady(19, 0.3) })
    expect(decision).toMatchObject({ outcome: 'inconclusive', lowerBound: null, evidence: { cause: 'too-few-images' } })
    expect(mayLookAgain(decision.evidence, 19)).toBe(false)
    expect(mayLookAgain(decision.evidence, 20)).toBe(true)
    expect(decide({ validation: scoresOf([]) }).outcome).toBe('inconclusive')
  })
})

describe('decideRelease is inconclusive', () => {
  /** A gain of the margin's size that noise of three times its size covers. */
  const uncertain = steady(100, 0.006, 0.1)

  it('while the standard error is over half the margin, for three looks', () => {
    const looks = [1, 2, 3].map((look) => decide({ validation: uncertain, look }))
    expect(looks.map(({ outcome }) => outcome)).toEqual(['inconclusive', 'inconclusive', 'rejected'])
    expect(looks.map(({ evidence }) => evidence.cause)).toEqual(['too-uncertain', 'too-uncertain', 'too-uncertain'])
    expect(looks[2]?.sentence).toContain('the last of 3 looks')
  })

  it('and refuses a fourth look', () => {
    expect(() => decide({ validation: uncertain, look: 4 })).toThrow(
      expect.objectContaining({ code: 'release-refused' }),
    )
  })

  it('until the held-out sets have grown', () => {
    const decision = decide({ validation: uncertain })
    expect(decision.evidence.nextLookAtImages).toBe(150)
    expect(mayLookAgain(decision.evidence, 149)).toBe(false)
    expect(mayLookAgain(decision.evidence, 150)).toBe(true)
    expect(mayLookAgain(decide({ validation: uncertain, look: 3 }).evidence, 1_000)).toBe(false)
  })

  it('but not of a challenger that is clearly worse', () => {
    const decision = decide({ validation: steady(100, -0.05, 0.1) })
    expect(decision.standardError).toBeGreaterThan(0.0025)
    expect(decision).toMatchObject({ outcome: 'rejected', evidence: { cause: 'gain-ruled-out' } })
  })
})

describe('without a difference between the systems', () => {
  /** Two systems that differ on every image by noise alone. */
  const noise = (random: Random, count: number): Omit<PairedImage, 'imageId'>[] =>
    Array.from({ length: count }, () => ({
      queries: 1 + random.below(5),
      champion: random.float(),
      challenger: random.float(),
    }))

  it('promotes in three looks together about 5 % of the time at most', () => {
    // A margin near zero leaves the whole burden to the statistics.
    const thresholds = { margin: 1e-6, resamples: 400 }
    const draws = 400
    let promotions = 0
    for (let draw = 0; draw < draws; draw++) {
      const random = createRandom(draw)
      const held: Omit<PairedImage, 'imageId'>[] = []
      for (const look of [1, 2, 3]) {
        held.push(...noise(random, 40))
        const { outcome } = decide({ validation: scoresOf(held), look, thresholds: { ...thresholds, seed: draw } })
        if (outcome === 'promoted') promotions++
        if (outcome !== 'inconclusive') break
      }
    }
    // 5 % and two standard errors of a share over 400 draws; some promotions, or the simulation shows nothing.
    expect(promotions / draws).toBeLessThanOrEqual(0.05 + 2 * Math.sqrt((0.05 * 0.95) / draws))
    expect(promotions).toBeGreaterThan(0)
  })
})

it('decides the same input alike, and its evidence survives JSON', () => {
  const input = { validation: steady(60, 0.02, 0.1), fresh: steady(30, 0.01, 0.2) }
  const decision = decide(input)
  expect(decide(input)).toEqual(decision)
  expect(JSON.parse(JSON.stringify(decision.evidence))).toEqual(decision.evidence)
})

it('refuses thresholds that cannot be', () => {
  for (const thresholds of [{ margin: 0 }, { margin: NaN }, { alpha: 0.7 }, { looks: 0 }]) {
    expect(() => decide({ validation: steady(30, 0.1), thresholds })).toThrow(
      expect.objectContaining({ code: 'configuration-invalid' }),
    )
  }
})
