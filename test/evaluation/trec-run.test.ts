import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { evaluateRetrieval } from '../../src/evaluation/evaluate-retrieval.ts'
import { scoreOf } from '../../src/evaluation/score-blocks.ts'
import { rankDocuments, type Result } from '../../src/evaluation/top-results.ts'
import { qrelsLines, trecRunLines } from '../../src/evaluation/trec-run.ts'
import { measureRun, rankResults } from './measure-run.ts'

const random = createRandom(11)
const embedded = (prefix: string, count: number, value: () => number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    vector: Float32Array.from({ length: 5 }, value),
  }))

describe('rankDocuments', () => {
  it.each([1, 3, 10, 500])('finds the %d best of every query, ties in order', (depth) => {
    const queries = embedded('q', 70, () => random.below(3))
    const documents = embedded('d', 300, () => random.below(3))
    const rankings = [...rankDocuments(queries, documents, depth)]
    expect(rankings.map(({ queryId }) => queryId)).toEqual(queries.map(({ id }) => id))
    for (const [index, { results }] of rankings.entries()) {
      const query = queries[index]?.vector ?? new Float32Array()
      const all = documents.map(({ id, vector }) => ({ id, score: scoreOf(query, vector) }))
      expect(results).toEqual(rankResults(all).slice(0, depth))
    }
  })
})

describe('TREC files', () => {
  const images = embedded('i', 30, () => random.float() - 0.5)
  const captions = embedded('c', 60, () => random.float() - 0.5).map((caption, index) => ({
    ...caption,
    imageId: `i${index % 30}`,
    text: '',
  }))

  it('have one line a result: qid Q0 docid rank score tag', () => {
    const [ranking] = rankDocuments(captions, images, 2)
    const lines = [...trecRunLines(ranking === undefined ? [] : [ranking], 'champion')]
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^c0 Q0 i\d+ 1 -?[\d.e-]+ champion\n$/)
    expect(lines[1]).toMatch(/^c0 Q0 i\d+ 2 -?[\d.e-]+ champion\n$/)
  })

  it('yield the same figures when they are read back', () => {
    const run = new Map<string, Result[]>()
    for (const line of trecRunLines(rankDocuments(captions, images, 30), 'tag')) {
      const [queryId = '', , id = '', , score] = line.trim().split(' ')
      run.set(queryId, [...(run.get(queryId) ?? []), { id, score: Math.fround(Number(score)) }])
    }
    const judged = new Map<string, Map<string, number>>()
    const judgements = captions.map(({ id, imageId }) => [id, new Map([[imageId, 1]])] as const)
    for (const line of qrelsLines(judgements)) {
      const [queryId = '', , id = '', grade] = line.trim().split(' ')
      judged.set(queryId, new Map([[id, Number(grade)]]))
    }
    const { textToImage } = evaluateRetrieval({ images, captions })
    expect(measureRun(run, judged).means).toEqual(
      Object.fromEntries(Object.entries(textToImage.means).map(([name, value]) => [name, expect.closeTo(value, 12)])),
    )
  })

  it('name a 32-bit score exactly', () => {
    for (const score of [1 / 3, 1e-20, -0.1, 16777217].map(Math.fround)) {
      const [line = ''] = trecRunLines([{ queryId: 'q', results: [{ id: 'd', score }] }], 'tag')
      expect(Math.fround(Number(line.split(' ')[4]))).toBe(score)
    }
  })

  it('refuse ids with white space', () => {
    const refused = expect.objectContaining({ code: 'invalid-request' }) as Error
    expect(() => [...trecRunLines([{ queryId: 'a b', results: [{ id: 'd', score: 1 }] }], 'tag')]).toThrow(refused)
    expect(() => [...trecRunLines([], 'a tag')]).toThrow(refused)
    expect(() => [...qrelsLines([['q', new Map([['', 1]])]])]).toThrow(refused)
  })
})
