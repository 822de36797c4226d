import { describe, expect, it } from 'vitest'
import { balancePairs } from '../../src/reranking/draw-negatives.ts'
import { DRAWN, type LabelledPair } from '../../src/reranking/labelled-pair.ts'

const positives = Array.from({ length: 60 }, (_, i): LabelledPair => ({
  query: `query ${i % 20}`,
  document: `document ${i}`,
  relevance: 1,
  source: 'editors',
  createdAt: i % 20,
}))
const negative = (i: number): LabelledPair => ({ ...positives[0] as LabelledPair, document: `wrong ${i}`, relevance: 0 }) // prettier-ignore
const near = (query: string) => Array.from({ length: 30 }, (_, i) => `${query} near ${i}`)
const share = (pairs: readonly LabelledPair[]) => pairs.filter(({ relevance }) => relevance === 1).length / pairs.length

describe('balance of labelled pairs', () => {
  it('draws negatives until three in ten pairs are positive, half of them from the first stage', () => {
    const pairs = balancePairs(positives, { firstStage: near, seed: 1 })
    const drawn = pairs.filter(({ source }) => source === DRAWN)
    expect(share(pairs)).toBeCloseTo(0.3, 2)
    expect(pairs.slice(0, 60)).toEqual(positives)
    expect(drawn).toHaveLength(140)
    const hard = drawn.filter(({ query, document }) => document.startsWith(`${query} near`))
    expect(hard.length).toBeGreaterThanOrEqual(60)
    expect(hard.length).toBeLessThanOrEqual(80)
    const perQuery = Array.from({ length: 20 }, (_, i) => drawn.filter(({ query }) => query === `query ${i}`))
    for (const own of perQuery) {
      expect(own).toHaveLength(7)
      expect(new Set(own.map(({ document }) => document)).size).toBe(7)
      expect(new Set(own.map(({ createdAt }) => createdAt)).size).toBe(1)
    }
  })

  it('draws nothing that was judged for the query, nor the query itself', () => {
    const judged = new Set(positives.map(({ query, document }) => `${query} ${document}`))
    const firstStage = (query: string) => [query.toUpperCase(), 'document 0', 'document 20', 'document 40']
    const drawn = balancePairs(positives, { firstStage, hardShare: 1, seed: 2 }).slice(60)
    expect(drawn.some(({ query, document }) => judged.has(`${query} ${document}`))).toBe(false)
    expect(drawn.some(({ document }) => document.startsWith('QUERY'))).toBe(false)
    expect(drawn).toHaveLength(140)
  })

  it('follows from its seed', () => {
    const with_ = (seed: number) => balancePairs(positives, { firstStage: near, seed })
    expect(with_(3)).toEqual(with_(3))
    expect(with_(4)).not.toEqual(with_(3))
  })

  it('counts negatives that were judged, and keeps a sample where there are too many', () => {
    const some = balancePairs([...positives, negative(0), negative(1)], { firstStage: null, seed: 1 })
    expect(some).toHaveLength(200)
    expect(some.filter(({ source, relevance }) => source !== DRAWN && relevance === 0)).toHaveLength(2)
    const many = [...positives, ...Array.from({ length: 500 }, (_, i) => negative(i))]
    expect(balancePairs(many, { firstStage: near, seed: 1 })).toHaveLength(200)
    expect(balancePairs(many, { firstStage: near, seed: 1, positiveShare: 0.5 })).toHaveLength(120)
  })

  it('has fewer negatives where documents run out', () => {
    const few = positives.slice(0, 3).map((pair) => ({ ...pair, query: 'one' }))
    expect(balancePairs(few, { firstStage: null, seed: 1 })).toEqual(few)
  })
})
