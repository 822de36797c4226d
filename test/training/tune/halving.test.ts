import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  epochsLeft,
  planRungs,
  searchWith,
  survivors,
  type Rung,
  type ScoreOf,
  type Standing,
  type TrialTraining,
} from '../../../src/training/tune/halving.ts'

const extents = fc.record({
  trials: fc.integer({ min: 1, max: 60 }),
  folds: fc.integer({ min: 2, max: 6 }),
  epochs: fc.integer({ min: 1, max: 40 }),
})

const keyOf = ({ trial, fold, epochs }: TrialTraining) => `${trial}:${fold}:${epochs}`

/** A score for each training, drawn by a hash; some are equal, and some trainings fail. */
const drawnScore =
  (seed: number, failures = true) =>
  ({ trial, fold, epochs }: TrialTraining): number | null => {
    const hash = Math.imul(seed ^ (trial * 7919 + fold * 104_729 + epochs * 1_299_709), 0x9e3779b1) >>> 0
    return failures && trial > 1 && hash % 11 === 0 ? null : (hash % 50) / 50
  }

/** Trains all that a search asks for, and returns what it asked for in order. */
function runSearch(rungs: readonly Rung[], score: (training: TrialTraining) => number | null) {
  const scores = new Map<string, number | null>()
  const scoreOf: ScoreOf = (training) => scores.get(keyOf(training))
  const asked: TrialTraining[] = []
  for (;;) {
    const search = searchWith(rungs, scoreOf)
    if (search.next === null) return { search, asked, scoreOf }
    asked.push(search.next)
    scores.set(keyOf(search.next), score(search.next))
  }
}

const standing = (trial: number, mean: number | null): Standing => ({
  trial,
  mean,
  scores: mean === null ? [] : [mean],
  deviation: null,
  failed: mean === null,
})

describe('the rungs of a search', () => {
  it('start with all trials on one fold and end with three at most on all folds for all epochs', () => {
    expect(planRungs({ trials: 27, folds: 3, epochs: 30 })).toEqual([
      { number: 1, trials: 27, folds: 1, epochs: 4 },
      { number: 2, trials: 9, folds: 2, epochs: 10 },
      { number: 3, trials: 3, folds: 3, epochs: 30 },
    ])
    expect(planRungs({ trials: 2, folds: 4, epochs: 6 })).toEqual([{ number: 1, trials: 2, folds: 4, epochs: 6 }])
  })

  it('keep a third, and spend no less on each of them than the rung before', () => {
    fc.assert(
      fc.property(extents, (extent) => {
        const rungs = planRungs(extent)
        const last = rungs.at(-1)
        expect(rungs[0]?.trials).toBe(extent.trials)
        expect(last).toMatchObject({ folds: extent.folds, epochs: extent.epochs })
        expect(last?.trials).toBeLessThanOrEqual(3)
        for (const [index, rung] of rungs.entries()) {
          const next = rungs[index + 1]
          if (next === undefined) continue
          expect(next.trials).toBe(Math.ceil(rung.trials / 3))
          expect(next.folds).toBeGreaterThanOrEqual(rung.folds)
          expect(next.epochs).toBeGreaterThanOrEqual(rung.epochs)
          // So many epochs that the next rung, with three times of them, has what it is to have.
          expect(rung.epochs * 3).toBeGreaterThanOrEqual(next.epochs)
          expect((rung.epochs - 1) * 3).toBeLessThanOrEqual(next.epochs)
        }
      }),
    )
  })
})

describe('survivors', () => {
  it('are the best; of equals the earlier trial', () => {
    expect(survivors([standing(1, 0.9), standing(2, 0.5), standing(3, 0.7), standing(4, 0.7)], 2)).toEqual([1, 3])
  })

  it('always have the first trial among them, in place of the last', () => {
    expect(survivors([standing(1, 0.1), standing(2, 0.5), standing(3, 0.7), standing(4, 0.6)], 2)).toEqual([3, 1])
  })

  it('are never those that failed', () => {
    expect(survivors([standing(1, 0.1), standing(2, null), standing(3, null)], 3)).toEqual([1])
  })

  it('do not depend on the order in which they are given', () => {
    const standings = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 5 })), {
      selector: ([trial]) => trial,
      minLength: 1,
    })
    fc.assert(
      fc.property(standings, fc.integer({ min: 1, max: 10 }), (pairs, count) => {
        const given = pairs.map(([trial, score]) => standing(trial, score / 5))
        const chosen = survivors(given, count)
        expect(survivors(given.toReversed(), count)).toEqual(chosen)
        expect(chosen).toHaveLength(Math.min(count, given.length))
        const worst = Math.min(...chosen.filter((trial) => trial !== 1).map((trial) => meanOf(given, trial)))
        const left = given.filter(({ trial }) => !chosen.includes(trial))
        for (const { mean } of left) expect(mean ?? 0).toBeLessThanOrEqual(worst)
      }),
    )
  })
})

const meanOf = (standings: readonly Standing[], trial: number): number =>
  standings.find((other) => other.trial === trial)?.mean ?? 0

describe('a search', () => {
  it('asks for each training once, within its budget, and ends with the best of the last rung', () => {
    fc.assert(
      fc.property(extents, fc.integer(), (extent, seed) => {
        const rungs = planRungs(extent)
        const planned = epochsLeft(rungs, () => undefined)
        const { search, asked, scoreOf } = runSearch(rungs, drawnScore(seed))
        expect(new Set(asked.map(keyOf)).size).toBe(asked.length)
        expect(asked.reduce((sum, { epochs }) => sum + epochs, 0)).toBeLessThanOrEqual(planned)
        expect(epochsLeft(rungs, scoreOf)).toBe(0)
        const last = search.rungs.at(-1)?.standings ?? []
        expect(search.rungs).toHaveLength(rungs.length)
        expect(last.map(({ trial }) => trial)).toContain(1)
        const best = Math.max(...last.map(({ mean }) => mean ?? -1))
        expect(meanOf(last, search.winner ?? 0)).toBe(best)
      }),
    )
  })

  it('spends exactly its budget where nothing fails', () => {
    fc.assert(
      fc.property(extents, fc.integer(), (extent, seed) => {
        const rungs = planRungs(extent)
        const { asked } = runSearch(rungs, drawnScore(seed, false))
        const spent = asked.reduce((sum, { epochs }) => sum + epochs, 0)
        expect(spent).toBe(epochsLeft(rungs, () => undefined))
      }),
    )
  })

  it('goes on from any moment as it would have gone', () => {
    fc.assert(
      fc.property(extents, fc.integer(), fc.nat(), (extent, seed, moment) => {
        const rungs = planRungs(extent)
        const score = drawnScore(seed)
        const { asked, search } = runSearch(rungs, score)
        const known = new Map(
          asked.slice(0, moment % asked.length).map((training) => [keyOf(training), score(training)]),
        )
        expect(searchWith(rungs, (training) => known.get(keyOf(training))).next).toEqual(asked[known.size])
        expect(runSearch(rungs, score).search).toEqual(search)
      }),
    )
  })

  it('tells mean and deviation over the folds', () => {
    const rungs = planRungs({ trials: 1, folds: 3, epochs: 2 })
    const { search } = runSearch(rungs, ({ fold }) => [0.5, 0.6, 0.7][fold] ?? 0)
    expect(search.winner).toBe(1)
    const [only] = search.rungs[0]?.standings ?? []
    expect(only).toMatchObject({ scores: [0.5, 0.6, 0.7], failed: false })
    expect(only?.mean).toBeCloseTo(0.6, 12)
    expect(only?.deviation).toBeCloseTo(0.1, 12)
  })

  it('trains a trial that failed on one fold on no other', () => {
    const rungs = planRungs({ trials: 3, folds: 3, epochs: 2 })
    const { asked, search } = runSearch(rungs, ({ trial }) => (trial === 2 ? null : 0.5))
    expect(asked.filter(({ trial }) => trial === 2)).toEqual([{ trial: 2, fold: 0, epochs: 2 }])
    expect(search.rungs[0]?.standings.map(({ trial, failed }) => [trial, failed])).toEqual([[1, false], [3, false], [2, true]]) // prettier-ignore
  })
})
