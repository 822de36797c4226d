import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DRAWN, type LabelledPair } from '../../src/reranking/labelled-pair.ts'
import { cleanPairs, splitByTime } from '../../src/reranking/labelled-pairs.ts'

const pair = (query: string, document: string, relevance: 0 | 1, createdAt = 0, source = 'editors'): LabelledPair => ({
  query,
  document,
  relevance,
  source,
  createdAt,
})

describe('cleaning of labelled pairs', () => {
  it('normalises texts, and takes those that differ in space or case for one', () => {
    const { pairs, duplicates } = cleanPairs([pair(' a  dog\n', 'Cafe\u0301', 1), pair('A dog', 'café', 1)])
    expect(pairs).toEqual([pair('a dog', 'Café', 1)])
    expect(duplicates).toBe(1)
  })

  it('keeps the latest judgement, but no drawn negative where there is a judgement', () => {
    const judged = pair('a', 'b', 1, 5)
    const later = pair('a', 'b', 0, 7)
    const drawn = pair('a', 'b', 0, 9, DRAWN)
    for (const all of [
      [judged, later, drawn],
      [drawn, later, judged],
      [later, drawn, judged],
    ]) {
      expect(cleanPairs(all).pairs).toEqual([later])
    }
    expect(cleanPairs([drawn, judged]).pairs).toEqual([judged])
    expect(cleanPairs([pair('a', 'b', 0, 5), judged]).pairs).toEqual([judged])
  })

  it('leaves out what is too short, too long or no text, and counts it', () => {
    const options = { queryWords: { least: 2, most: 3 }, documentWords: { least: 1, most: 2 } }
    const all = [pair('one', 'b', 1), pair('one two', 'a b c', 1), pair('one two', ' ', 1), pair('a b c', 'x y', 0), pair('a \uFFFD', 'x', 0)] // prettier-ignore
    expect(cleanPairs(all, options)).toEqual({ pairs: [pair('a b c', 'x y', 0)], duplicates: 0, unusable: 4 })
  })
})

describe('split by time', () => {
  it('gives the later queries to development, about the share that was asked for', () => {
    const pairs = Array.from({ length: 100 }, (_, i) => pair(`query ${i % 50}`, `document ${i}`, 1, 1_000 - (i % 50)))
    const { train, development } = splitByTime(pairs)
    expect(development).toHaveLength(14)
    const latest = Math.max(...train.map(({ createdAt }) => createdAt))
    expect(development.every(({ createdAt }) => createdAt > latest)).toBe(true)
  })

  it('loses no pair, and has no query on both sides', () => {
    const anyPair = fc.record({
      query: fc.constantFrom('a', 'A', 'b', 'c', 'd', 'e'),
      document: fc.string(),
      relevance: fc.constantFrom(0 as const, 1 as const),
      source: fc.constant('editors'),
      createdAt: fc.nat(50),
    })
    fc.assert(
      fc.property(fc.array(anyPair), fc.double({ min: 0, max: 1, noNaN: true }), (pairs, share) => {
        const { train, development } = splitByTime(pairs, share)
        expect(new Set([...train, ...development])).toEqual(new Set(pairs))
        expect(train.length + development.length).toBe(pairs.length)
        const earlier = new Set(train.map(({ query }) => query.toLowerCase()))
        expect(development.some(({ query }) => earlier.has(query.toLowerCase()))).toBe(false)
      }),
    )
  })
})
