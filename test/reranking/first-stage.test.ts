import { describe, expect, it } from 'vitest'
import { candidateLists, distinctTexts, nearestDocuments } from '../../src/reranking/first-stage.ts'
import { wordVectors } from './word-vectors.ts'

const about = { source: 'editors', createdAt: 1 }

describe('first stage', () => {
  it('finds the nearest texts, best first, without those that read as the query does', () => {
    const documents = ['a red dog', 'blue sky', 'A RED dog runs', 'red']
    const nearest = nearestDocuments(['a red dog runs'], documents, wordVectors, 2)
    expect([...nearest]).toEqual([['a red dog runs', ['a red dog', 'red']]])
  })

  it('lists each query that has an answer with what is found among all judged documents', () => {
    const lists = candidateLists(
      [
        { query: 'a red dog', document: 'red dog', relevance: 1, ...about },
        { query: 'A red dog', document: 'blue sky', relevance: 0.2, ...about },
        { query: 'the sky', document: 'a blue sky', relevance: 0.9, ...about },
        { query: 'the sky', document: 'Blue sky', relevance: 1, ...about },
        { query: 'nothing', document: 'red dog', relevance: 0, ...about },
      ],
      wordVectors,
    )
    expect(lists.map(({ query, relevant }) => [query, [...relevant]])).toEqual([
      ['a red dog', ['red dog']],
      ['the sky', ['a blue sky', 'blue sky']],
    ])
    expect(lists.map(({ candidates }) => candidates.length)).toEqual([3, 3])
    expect(lists[0]?.candidates[0]).toBe('red dog')
    expect(lists[1]?.candidates.slice(0, 2).sort()).toEqual(['a blue sky', 'blue sky'])
    expect(new Set(lists.map(({ group }) => group)).size).toBe(2)
  })

  it('lists a sample of very many queries', () => {
    const all = Array.from({ length: 10 }, (_, i) => ({
      query: `query ${i}`,
      document: `answer ${i}`,
      relevance: 1,
      ...about,
    }))
    expect(candidateLists(all, wordVectors, 4).map(({ query }) => query)).toEqual([
      'query 0',
      'query 3',
      'query 6',
      'query 9',
    ])
  })

  it('has the queries that answer each other in one group', () => {
    const lists = candidateLists(
      [
        { query: 'a dog', document: 'the dog', relevance: 1, ...about },
        { query: 'The dog', document: 'a dog', relevance: 1, ...about },
      ],
      wordVectors,
    )
    expect(lists).toHaveLength(2)
    expect(new Set(lists.map(({ group }) => group)).size).toBe(1)
  })

  it('knows texts apart by more than their case', () => {
    expect(distinctTexts(['A dog', 'a dog', 'a cat'])).toEqual(['A dog', 'a cat'])
  })
})
