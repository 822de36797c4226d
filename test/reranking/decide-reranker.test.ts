import { describe, expect, it } from 'vitest'
import { measureNames, type Measures } from '../../src/evaluation/measures.ts'
import { decideReranker } from '../../src/reranking/decide-reranker.ts'
import type { RerankingChange, RerankingEvaluation } from '../../src/reranking/evaluate-reranking.ts'

const measures = Object.fromEntries(measureNames.map((name) => [name, 0.5])) as Measures
const better: RerankingChange = { difference: 0.02, pairedTTest: 0.001, randomisationTest: 0.002 }
const all = (change: RerankingChange) => ({ ndcg_10: change, reciprocal_rank: change, average_precision: change })
const evaluation = (about: Partial<RerankingEvaluation>): RerankingEvaluation => ({
  queries: 100,
  unranked: measures,
  champion: null,
  challenger: measures,
  overUnranked: all(better),
  overChampion: null,
  ...about,
})

describe('decision on a reranker', () => {
  it('promotes what is better in all three', () => {
    expect(decideReranker(evaluation({}))).toEqual({
      outcome: 'promoted',
      reason: 'Promoted on 100 queries: NDCG@10 +0.0200, MRR +0.0200, MAP +0.0200 against no reranking.',
    })
    expect(decideReranker(evaluation({ overChampion: all(better) })).outcome).toBe('promoted')
  })

  it.each([
    ['worse', { ...better, difference: -0.01 }, 'MRR against no reranking −0.0100, p 0.001'],
    [
      'better by chance, says the t-test',
      { ...better, pairedTTest: 0.06 },
      'MRR against no reranking +0.0200, p 0.060',
    ],
    ['better by chance, says the other test', { ...better, randomisationTest: 0.06 }, 'MRR against no reranking'],
  ])('rejects what is %s in one', (_, change, reason) => {
    const { outcome, reason: given } = decideReranker(evaluation({ overUnranked: { ...all(better), reciprocal_rank: change } })) // prettier-ignore
    expect(outcome).toBe('rejected')
    expect(given).toContain(reason)
    expect(given).not.toContain('NDCG')
  })

  it('asks for more the more challengers were tried', () => {
    const likely = evaluation({ overUnranked: all({ difference: 0.02, pairedTTest: 0.02, randomisationTest: 0.02 }) })
    expect(decideReranker(likely, 2).outcome).toBe('promoted')
    expect(decideReranker(likely, 3).outcome).toBe('rejected')
  })

  it('rejects what is no better than the champion', () => {
    const same = { difference: 0, pairedTTest: 1, randomisationTest: 1 }
    const { outcome, reason } = decideReranker(evaluation({ overChampion: all(same) }))
    expect(outcome).toBe('rejected')
    expect(reason).toContain('MAP against the champion')
  })
})
