import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Judgement } from '../../src/core/events.ts'
import { cleanJudgements, groupQueries, splitByTime } from '../../src/reranking/judgements.ts'

const judgement = (query: string, document: string, relevance: number, createdAt = 0): Judgement => ({
  query,
  document,
  relevance,
  source: 'editors',
  createdAt,
})

describe('cleaning of judgements', () => {
  it('normalises texts, and takes those that differ in space or case for one', () => {
    const { judgements, duplicates } = cleanJudgements([judgement(' a  dog\n', 'Cafe\u0301', 1), judgement('A dog', 'café', 1)]) // prettier-ignore
    expect(judgements).toEqual([judgement('a dog', 'Café', 1)])
    expect(duplicates).toBe(1)
  })

  it('keeps the latest judgement, and of those of one moment the higher', () => {
    const [first, later] = [judgement('a', 'b', 1, 5), judgement('a', 'b', 0.2, 7)]
    expect(cleanJudgements([first, later]).judgements).toEqual([later])
    expect(cleanJudgements([later, first]).judgements).toEqual([later])
    expect(cleanJudgements([judgement('a', 'b', 0, 5), first]).judgements).toEqual([first])
  })

  it('leaves out what is too short, too long, no text, or its own answer, and counts it', () => {
    const options = { queryWords: { least: 2, most: 3 }, documentWords: { least: 1, most: 3 } }
    const all = [judgement('one', 'b', 1), judgement('one two', 'a b c d', 1), judgement('one two', ' ', 1), judgement('a b', 'A  b', 1), judgement('a b c', 'x y', 0), judgement('a \uFFFD', 'x', 0)] // prettier-ignore
    expect(cleanJudgements(all, options)).toEqual({ judgements: [judgement('a b c', 'x y', 0)], duplicates: 0, unusable: 5 }) // prettier-ignore
  })
})

describe('groups of queries', () => {
  const groupsOf = (all: readonly Judgement[]) =>
    groupQueries(all).map(({ judgements }) => new Set(judgements.map(({ query }) => query.toLowerCase())))

  it('join the captions of a picture, each of which answers the others', () => {
    const captions = [judgement('a', 'b', 1), judgement('B', 'c', 1), judgement('c', 'a', 1), judgement('d', 'e', 1)]
    expect(groupsOf(captions)).toEqual([new Set(['a', 'b', 'c']), new Set(['d'])])
  })

  it('are not joined by what answers many, nor by what is no answer', () => {
    const all = [judgement('a', 'x', 1), judgement('b', 'x', 1), judgement('a', 'b', 0.4), judgement('b', 'y', 0)]
    expect(groupsOf(all)).toEqual([new Set(['a']), new Set(['b'])])
  })
})

describe('split by time', () => {
  it('takes the later queries, about the share that was asked for', () => {
    const all = Array.from({ length: 100 }, (_, i) =>
      judgement(`query ${i % 50}`, `document ${i}`, 1, 1_000 - (i % 50)),
    )
    const { earlier, later } = splitByTime(all)
    expect(later).toHaveLength(14)
    const latest = Math.max(...earlier.map(({ createdAt }) => createdAt))
    expect(later.every(({ createdAt }) => createdAt > latest)).toBe(true)
  })

  it('loses no judgement, and has no group of queries on both sides', () => {
    const text = fc.constantFrom('a', 'A', 'b', 'c', 'd', 'e', 'f')
    const relevance = fc.constantFrom(0, 0.5, 1)
    const any = fc.record({ query: text, document: text, relevance, source: fc.constant('editors'), createdAt: fc.nat(50) }) // prettier-ignore
    fc.assert(
      fc.property(fc.array(any), fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
        const { earlier, later } = splitByTime(all, share)
        expect(new Set([...earlier, ...later])).toEqual(new Set(all))
        expect(earlier.length + later.length).toBe(all.length)
        for (const { judgements } of groupQueries(all)) {
          const sides = new Set(judgements.map((one) => earlier.includes(one)))
          expect(sides.size).toBe(1)
        }
      }),
    )
  })
})
