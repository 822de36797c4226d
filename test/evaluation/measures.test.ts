import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutoffs, measureNames } from '../../src/evaluation/measures.ts'
import type { Result } from '../../src/evaluation/top-results.ts'
import type { Judgements } from '../../src/evaluation/trec-run.ts'
import { referencePath } from '../fixtures/shared.ts'
import { measureResults, measureRun, rankResults } from './measure-run.ts'

type Reference = {
  qrels: [string, string, number][]
  run: [string, string, number][]
  aggregate: Record<string, number>
  per_query: Record<string, Record<string, number>>
}

/** Our name of each figure of the reference. */
const names = {
  AP: 'average_precision',
  RR: 'reciprocal_rank',
  'P@5': 'precision_5',
  'R@1': 'recall_fraction_1',
  'R@5': 'recall_fraction_5',
  'R@10': 'recall_fraction_10',
  'nDCG@10': 'ndcg_10',
  'Success@1': 'success_1',
  'Success@5': 'success_5',
  'Success@10': 'success_10',
} as const

describe('against trec_eval', async () => {
  const reference = JSON.parse(await readFile(referencePath('metrics.json'), 'utf8')) as Reference
  const judgements = new Map<string, Map<string, number>>()
  for (const [query, id, grade] of reference.qrels) {
    judgements.set(query, (judgements.get(query) ?? new Map<string, number>()).set(id, grade))
  }
  const run = new Map<string, Result[]>()
  for (const [query, id, score] of reference.run) run.set(query, [...(run.get(query) ?? []), { id, score }])
  const measured = measureRun(run, judgements)

  it('has ties and a query without results to agree on', () => {
    const scores = (run.get('q5') ?? []).map(({ score }) => score)
    expect(new Set(scores).size).toBeLessThan(scores.length)
    expect(run.has('q11')).toBe(false)
    expect(measured.queries.size).toBe(12)
  })

  it.each(Object.entries(names))('agrees on %s to 1e-9, each query and on average', (theirs, ours) => {
    for (const [query, figures] of Object.entries(reference.per_query)) {
      expect(Math.abs((measured.queries.get(query)?.measures[ours] ?? NaN) - (figures[theirs] ?? NaN))).toBeLessThan(
        1e-9,
      )
    }
    expect(Math.abs(measured.means[ours] - (reference.aggregate[theirs] ?? NaN))).toBeLessThan(1e-9)
  })
})

const documents = Array.from({ length: 30 }, (_, index) => `d${index}`)

/** Few distinct scores, so that ties are common. */
const resultsArbitrary = fc
  .uniqueArray(fc.constantFrom(...documents), { maxLength: 30 })
  .chain((ids) => fc.tuple(...ids.map((id) => fc.integer({ min: 0, max: 5 }).map((score) => ({ id, score })))))
const judgementsArbitrary = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...documents), fc.integer({ min: 0, max: 3 })), { selector: ([id]) => id })
  .map((entries): Judgements => new Map(entries))

describe('measures of a query', () => {
  it('are between 0 and 1', () => {
    fc.assert(
      fc.property(resultsArbitrary, judgementsArbitrary, (results, judgements) => {
        const { measures } = measureResults(results, judgements)
        for (const name of measureNames) {
          expect(measures[name]).toBeGreaterThanOrEqual(0)
          expect(measures[name]).toBeLessThanOrEqual(1 + 1e-12)
        }
      }),
    )
  })

  it('do not fall with the depth, recall and success', () => {
    fc.assert(
      fc.property(resultsArbitrary, judgementsArbitrary, (results, judgements) => {
        const { measures } = measureResults(results, judgements)
        for (const kind of ['success', 'recall_fraction'] as const) {
          const atDepths = cutoffs.map((cutoff) => measures[`${kind}_${cutoff}`])
          expect(atDepths).toEqual([...atDepths].sort((a, b) => a - b))
        }
      }),
    )
  })

  it('do not depend on the order in which results arrive', () => {
    const shuffled = resultsArbitrary.chain((results) =>
      fc.tuple(fc.constant(results), fc.shuffledSubarray(results, { minLength: results.length })),
    )
    fc.assert(
      fc.property(shuffled, judgementsArbitrary, ([results, other], judgements) => {
        expect(measureResults(other, judgements)).toEqual(measureResults(results, judgements))
      }),
    )
  })

  it('are perfect for the perfect ranking', () => {
    fc.assert(
      fc.property(judgementsArbitrary, (judgements) => {
        const relevant = [...judgements.values()].filter((grade) => grade > 0).length
        fc.pre(relevant > 0)
        const ideal = documents.map((id) => ({ id, score: judgements.get(id) ?? 0 }))
        const { measures, firstRank } = measureResults(ideal, judgements)
        expect(firstRank).toBe(1)
        for (const name of ['success_1', 'reciprocal_rank', 'average_precision', 'ndcg_10', 'precision_1'] as const) {
          expect(measures[name]).toBeCloseTo(1, 12)
        }
        expect(measures.recall_fraction_10).toBeCloseTo(Math.min(10, relevant) / relevant, 12)
      }),
    )
  })

  it('never fall when a relevant document moves up', () => {
    fc.assert(
      fc.property(resultsArbitrary, judgementsArbitrary, (results, judgements) => {
        const lifted = results.find(({ id }) => (judgements.get(id) ?? 0) > 0)
        fc.pre(lifted !== undefined)
        const better = results.map((result) => (result === lifted ? { ...result, score: result.score + 1.5 } : result))
        const before = measureResults(results, judgements).measures
        const after = measureResults(better, judgements).measures
        // A lower grade that overtakes a higher one may lower NDCG; all the others count documents only.
        for (const name of measureNames.filter((each) => each !== 'ndcg_10')) {
          expect(after[name]).toBeGreaterThanOrEqual(before[name] - 1e-12)
        }
      }),
    )
  })
})

describe('rankResults', () => {
  it('breaks ties by id, descending', () => {
    const tied = ['a', 'c', 'b'].map((id) => ({ id, score: 0.5 }))
    expect(rankResults(tied).map(({ id }) => id)).toEqual(['c', 'b', 'a'])
  })
})

it('takes the median of first ranks, infinite where nothing was found', () => {
  const judged = new Map(['q1', 'q2', 'q3'].map((query) => [query, new Map([['d1', 1]])]))
  const first: Result[] = [{ id: 'd1', score: 1 }]
  const second: Result[] = [
    { id: 'd2', score: 2 },
    { id: 'd1', score: 1 },
  ]
  expect(
    measureRun(
      new Map([
        ['q1', first],
        ['q2', second],
      ]),
      judged,
    ).medianRank,
  ).toBe(2)
  expect(measureRun(new Map([['q1', first]]), judged).medianRank).toBe(Infinity)
  expect(measureRun(new Map(), new Map()).medianRank).toBeNull()
})
