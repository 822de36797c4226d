import { describe, expect, it } from 'vitest'
import type { Judgement } from '../../src/core/events.ts'
import { trainingExamples, type TrainingExample } from '../../src/reranking/training-examples.ts'
import { wordVectors } from './word-vectors.ts'

/** Twenty queries with three answers each. */
const positives = Array.from({ length: 60 }, (_, i): Judgement => ({
  query: `query ${i % 20}`,
  document: `document ${i % 20} ${i}`,
  relevance: 1,
  source: 'editors',
  createdAt: i % 20,
}))
const negative = (i: number): Judgement => ({ ...positives[0] as Judgement, document: `wrong ${i}`, relevance: 0 }) // prettier-ignore
const share = (examples: readonly TrainingExample[]) => examples.filter(({ isRelevant }) => isRelevant).length / examples.length // prettier-ignore
const options = { vectorOf: wordVectors, documentsAtOnce: 1_000, seed: 1 }

describe('examples of a training', () => {
  it('are drawn until three in ten are positive, for each query as many as its answers call for', () => {
    const examples = trainingExamples(positives, options)
    expect(share(examples)).toBeCloseTo(0.3, 2)
    expect(examples).toHaveLength(200)
    const drawn = examples.slice(60)
    for (let i = 0; i < 20; i++) {
      const own = drawn.filter(({ query }) => query === `query ${i}`)
      expect(own).toHaveLength(7)
      expect(new Set(own.map(({ document }) => document)).size).toBe(7)
    }
  })

  it('are never of what was judged for the query', () => {
    const judged = new Set(positives.map(({ query, document }) => `${query}: ${document}`))
    const shouted = { ...(positives[0] as Judgement), query: 'QUERY 1', document: 'DOCUMENT 5 5', relevance: 0.1 }
    const drawn = trainingExamples([...positives, shouted], options).filter(({ isRelevant }) => !isRelevant)
    expect(drawn.some(({ query, document }) => judged.has(`${query}: ${document}`))).toBe(false)
    expect(drawn.filter(({ query, document }) => query === 'query 1' && document === 'document 5 5')).toEqual([])
  })

  it('are near, and some have nothing to do with the query', () => {
    const topics = ['red dogs run', 'cold seas rise'].flatMap(
      (topic) =>
      Array.from({ length: 100 }, (_, i): Judgement => ({ ...(positives[0] as Judgement), query: `${topic} ${i}`, document: `${topic} and ${i}` })), // prettier-ignore
    )
    const drawn = trainingExamples(topics, options).filter(({ isRelevant }) => !isRelevant)
    expect(drawn.length).toBeGreaterThan(400)
    const far = drawn.filter(({ query, document }) => query.slice(0, 3) !== document.slice(0, 3)).length / drawn.length
    expect(far).toBeGreaterThan(0.25)
    expect(far).toBeLessThan(0.5)
  })

  it('come from among the documents of neighbouring queries', () => {
    const drawn = trainingExamples(positives, { ...options, documentsAtOnce: 15 }).slice(60)
    const placeOf = (text: string): number => Math.floor(Number(text.split(' ')[1]) / 5)
    expect(drawn.length).toBeGreaterThan(100)
    expect(drawn.every(({ query, document }) => placeOf(query) === placeOf(document))).toBe(true)
  })

  it('follow from the seed', () => {
    const withSeed = (seed: number) => trainingExamples(positives, { ...options, seed })
    expect(withSeed(3)).toEqual(withSeed(3))
    expect(withSeed(4)).not.toEqual(withSeed(3))
  })

  it('count negatives that were judged, and are a sample of them where there are too many', () => {
    const some = trainingExamples([...positives, negative(0), negative(1)], options)
    expect(some).toHaveLength(200)
    const many = [...positives, ...Array.from({ length: 500 }, (_, i) => negative(i))]
    expect(trainingExamples(many, options)).toHaveLength(200)
    expect(trainingExamples(many, { ...options, positiveShare: 0.5 })).toHaveLength(120)
  })

  it('are fewer where documents run out', () => {
    const few = positives.slice(0, 3).map((judgement) => ({ ...judgement, query: 'one' }))
    expect(trainingExamples(few, options).map(({ isRelevant }) => isRelevant)).toEqual([true, true, true])
  })
})
