import { describe, expect, it } from 'vitest'
import type { LiveHit } from '../../src/api/live-hits.ts'
import { rerankHits, type Reranking } from '../../src/api/rerank-hits.ts'
import { AppError } from '../../src/core/errors.ts'

const hitOf = (imageId: string, captions: readonly string[], caption: string | null = null): LiveHit => ({
  score: 1,
  pairId: caption === null ? null : `pair of ${imageId}`,
  caption,
  image: {
    imageId, blobKey: '', contentType: '', width: 1, height: 1, split: 'train', splitKey: imageId, source: '', metadata: {}, newestOffset: 0,
    captions: captions.map((text) => ({ pairId: text, caption: text })),
  }, // prettier-ignore
})

/** More of the letter x is better. */
function countingX() {
  const asked: (readonly string[])[] = []
  const reranking: Reranking = {
    async rank(_query, documents) {
      asked.push(documents)
      return { scores: documents.map((text) => text.split('x').length - 1), modelVersion: 'x-1', scale: 'logit' }
    },
  }
  return { reranking, asked }
}

const namesOf = (hits: readonly LiveHit[]) => hits.map(({ image }) => image.imageId).join('')

describe('reranked hits', () => {
  it('come by their best caption; those without words and those beyond keep their places', async () => {
    const { reranking, asked } = countingX()
    const hits = [
      hitOf('a', ['x']),
      hitOf('b', []),
      hitOf('c', ['', 'xxx']),
      hitOf('d', ['xx', 'x']),
      hitOf('e', ['xxxx']),
    ]
    const { hits: ranked, report } = await rerankHits(reranking, 'query', hits, 4)
    expect(namesOf(ranked)).toBe('cbdae')
    expect(ranked.map(({ rerankScore }) => rerankScore)).toEqual([3, null, 2, 1, null])
    expect(report).toEqual({ hits: 3, modelVersion: 'x-1', scale: 'logit', failure: null })
    expect(asked).toEqual([['x', '', 'xxx', 'xx', 'x']])
  })

  it('ask no reranker where there is nothing to read', async () => {
    const { reranking, asked } = countingX()
    expect((await rerankHits(reranking, 'query', [hitOf('a', [])], 5)).report).toMatchObject({ hits: 0, failure: null })
    expect(asked).toEqual([])
  })

  it('are read by the caption that was found, where captions are', async () => {
    const { reranking, asked } = countingX()
    const hits = [hitOf('a', ['xxx', 'x'], 'x'), hitOf('b', ['xx'], 'xx')]
    expect(namesOf((await rerankHits(reranking, 'query', hits, 2)).hits)).toBe('ba')
    expect(asked).toEqual([['x', 'xx']])
  })

  it('stay in their order where scores are equal, and a picture with very many captions is read in part', async () => {
    const { reranking, asked } = countingX()
    const many = Array.from({ length: 500 }, () => 'x')
    expect(namesOf((await rerankHits(reranking, 'query', [hitOf('a', ['x']), hitOf('b', many)], 9)).hits)).toBe('ab')
    expect(asked[0]?.length).toBeLessThan(20)
  })

  it.each([
    [
      'missing',
      () => Promise.reject(new AppError('model-not-found', 'There is none.')),
      'model-not-found',
      'There is none.',
    ],
    ['sick', () => Promise.reject(new Error('secret')), 'internal', 'See the server log.'],
    ['slow', () => new Promise<never>(() => undefined), 'not-ready', 'took more than'],
  ] as const)('come in their own order where the reranker is %s, and say so', async (_, rank, code, detail) => {
    const hits = [hitOf('a', ['x']), hitOf('b', ['xx'])]
    const { hits: ranked, report } = await rerankHits({ rank }, 'query', hits, 2, 20)
    expect(namesOf(ranked)).toBe('ab')
    expect(report).toMatchObject({ hits: 0, modelVersion: null, failure: { code, detail: expect.stringContaining(detail) as string } }) // prettier-ignore
  })
})
