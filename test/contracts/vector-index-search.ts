import { describe, expect, it } from 'vitest'
import { dot } from '../../src/core/vector.ts'
import type { Hit, IndexQuery, Point } from '../../src/ports/vector-index.ts'
import { clusteredVectors, pointIdOf, pointOf, removalsOf } from '../fixtures/points.ts'
import { along, generation, idsOf, type IndexHarness } from './vector-index-harness.ts'

/** The ids of the best by comparing with every point: score first, ties by id. */
const bruteForce = (points: readonly Point[], query: Float32Array, count: number): string[] =>
  points
    .map(({ id, vector }) => ({ id, score: dot(vector, query) }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, count)
    .map(({ id }) => id)

/** What a search returns, in which order, and how much of the truth it finds. */
export function searchContract({ fresh, settled }: IndexHarness): void {
  describe('search', () => {
    it('scores by cosine from -1 to 1, best first', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [
        pointOf(1, along(1, 0)),
        pointOf(2, along(0.6, 0.8)),
        pointOf(3, along(-1, 0)),
      ])
      const hits = await index.search(generation, 'images', { vector: along(1, 0), limit: 10 })
      expect(idsOf(hits)).toEqual([1, 2, 3].map(pointIdOf))
      expect(hits.map(({ score }) => score)).toEqual([1, 0.6, -1].map((score) => expect.closeTo(score, 5) as number))
    })

    it('breaks ties by id', async () => {
      const index = await fresh()
      const numbers = [5, 3, 8, 1, 9]
      await index.upsert(
        generation,
        'images',
        numbers.map((number) => pointOf(number, along(0.6, 0.8))),
      )
      const hits = await index.search(generation, 'images', { vector: along(1, 0), limit: 10 })
      expect(idsOf(hits)).toEqual(numbers.map(pointIdOf).sort())
    })

    it('finds nothing in an empty collection, and nothing for a limit of 0', async () => {
      const index = await fresh()
      expect(await index.search(generation, 'captions', { vector: along(1, 0), limit: 5 })).toEqual([])
      await index.upsert(generation, 'captions', [pointOf(1, along(1, 0))])
      expect(await index.search(generation, 'captions', { vector: along(1, 0), limit: 0 })).toEqual([])
    })

    it('cuts pages out of one ranking', async () => {
      const index = await fresh(16)
      const draw = clusteredVectors(3, 16, 10)
      await index.upsert(
        generation,
        'images',
        Array.from({ length: 300 }, (_, number) => pointOf(number, draw())),
      )
      const query = { vector: draw(), exact: true }
      const whole = idsOf(await index.search(generation, 'images', { ...query, limit: 300 }))
      const pages: string[] = []
      for (let offset = 0; offset < 310; offset += 70) {
        pages.push(...idsOf(await index.search(generation, 'images', { ...query, offset, limit: 70 })))
      }
      expect(pages).toEqual(whole)
      expect(new Set(whole).size).toBe(300)
    })

    it('returns only points that a filter lets through, and all there are', async () => {
      const index = await fresh(16)
      const draw = clusteredVectors(4, 16, 10)
      const points = Array.from({ length: 400 }, (_, number) =>
        pointOf(number, draw(), {
          split: number % 10 === 0 ? 'validation' : 'train',
          metadata: { colour: ['red', 'green', 'blue'][number % 3] ?? '', shop: number < 200 ? 'a' : 'b' },
        }),
      )
      await index.upsert(generation, 'images', points)
      const vector = draw()
      const search = (filter: IndexQuery['filter']): Promise<readonly Hit[]> =>
        index.search(generation, 'images', { vector, limit: 400, filter, exact: true })
      const expected = (keep: (point: Point) => boolean): string[] => bruteForce(points.filter(keep), vector, 400)

      expect(idsOf(await search({ splits: ['validation'] }))).toEqual(expected((p) => p.payload.split === 'validation'))
      expect(idsOf(await search({ splits: ['train', 'validation'] }))).toHaveLength(400)
      expect(idsOf(await search({ metadata: { colour: ['red', 'blue'] } }))).toEqual(
        expected((p) => p.payload.metadata['colour'] !== 'green'),
      )
      expect(idsOf(await search({ splits: ['train'], metadata: { colour: ['red'], shop: ['b'] } }))).toEqual(
        expected(
          ({ payload: { split, metadata } }) =>
            split === 'train' && metadata['colour'] === 'red' && metadata['shop'] === 'b',
        ),
      )
      expect(await search({ metadata: { colour: ['purple'] } })).toEqual([])
      expect(await search({ metadata: { unknown: ['red'] } })).toEqual([])
    })

    it('filters by the newest payload', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0), { metadata: { colour: 'red' } })])
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0), { metadata: { colour: 'blue' } })])
      const search = (colour: string): Promise<readonly Hit[]> =>
        index.search(generation, 'images', {
          vector: along(1, 0),
          limit: 5,
          filter: { metadata: { colour: [colour] } },
        })
      expect(await search('red')).toEqual([])
      expect(await search('blue')).toHaveLength(1)
    })

    it('finds 98 of 100 of the true ten nearest among 5,000 points, and all of them when asked to be exact', async () => {
      const index = await fresh(64)
      const draw = clusteredVectors(5, 64, 60)
      const points = Array.from({ length: 5_000 }, (_, number) => pointOf(number, draw()))
      await index.upsert(generation, 'images', points)
      await settled(index)
      let found = 0
      for (let query = 0; query < 40; query++) {
        const vector = draw()
        const truth = bruteForce(points, vector, 10)
        expect(idsOf(await index.search(generation, 'images', { vector, limit: 10, exact: true }))).toEqual(truth)
        const near = new Set(idsOf(await index.search(generation, 'images', { vector, limit: 10 })))
        found += truth.filter((id) => near.has(id)).length
      }
      expect(found / 400).toBeGreaterThanOrEqual(0.98)
    })

    it('never returns a removed point, however near it was, and still fills the page', async () => {
      const index = await fresh(32)
      const draw = clusteredVectors(6, 32, 5)
      const points = Array.from({ length: 3_000 }, (_, number) => pointOf(number, draw()))
      await index.upsert(generation, 'images', points)
      await settled(index)
      const vector = draw()
      const nearest = bruteForce(points, vector, 900)
      await index.remove(generation, 'images', removalsOf(nearest))
      const hits = idsOf(await index.search(generation, 'images', { vector, limit: 50 }))
      expect(hits).toHaveLength(50)
      expect(hits.filter((id) => nearest.includes(id))).toEqual([])
    })
  })
}
