import { describe, expect, it } from 'vitest'
import type { Point, VectorIndex } from '../../src/ports/vector-index.ts'
import { clusteredVectors, pointIdOf, pointOf, randomVector, removalsOf, seededRandom } from '../fixtures/points.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { along, createIndexHarness, generation, idsOf, sweep } from './vector-index-harness.ts'
import { rangeContract } from './vector-index-ranges.ts'
import { removalContract } from './vector-index-removal.ts'
import { searchContract } from './vector-index-search.ts'
import { wordsContract } from './vector-index-words.ts'

/**
 * What every driver of `VectorIndex` guarantees. `open` opens the index at a place that no other test uses; opening the same place
 * again, after a `close`, is a restart. `settled` waits until the driver's search structure holds all points, where it builds one
 * in the background, so that recall is measured on that structure.
 */
export function vectorIndexContract<Index extends VectorIndex>(
  open: (place: string) => Promise<Index>,
  settled: (index: Index) => Promise<void> = async () => {},
): void {
  const harness = createIndexHarness(open, settled)
  const { fresh, openAt } = harness

  describe('points', () => {
    it('keeps one point per id when an upsert is delivered again', async () => {
      const index = await fresh()
      const points = [pointOf(1, along(1, 0)), pointOf(2, along(0, 1))]
      await index.upsert(generation, 'images', points)
      await index.upsert(generation, 'images', points)
      const hits = await index.search(generation, 'images', { vector: along(0.6, 0.8), limit: 10 })
      expect(idsOf(hits)).toEqual([pointIdOf(2), pointIdOf(1)])
      expect(await sweep(index)).toEqual([pointIdOf(1), pointIdOf(2)].sort())
    })

    it('keeps the last of two points with one id in a batch', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0)), pointOf(1, along(0, 1))])
      const [hit, ...rest] = await index.search(generation, 'images', { vector: along(0, 1), limit: 10 })
      expect(hit?.score).toBeCloseTo(1, 5)
      expect(rest).toEqual([])
    })

    it('replaces vector and payload on upsert', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0)), pointOf(2, along(0.6, 0.8))])
      await index.upsert(generation, 'images', [pointOf(1, along(0, 1), { captions: ['new'], split: 'test' })])
      const hits = await index.search(generation, 'images', { vector: along(0, 1), limit: 1 })
      expect(hits).toMatchObject([{ id: pointIdOf(1), payload: { captions: ['new'], split: 'test' } }])
      const moved = await index.search(generation, 'images', { vector: along(1, 0), limit: 1 })
      expect(idsOf(moved)).toEqual([pointIdOf(2)])
    })

    it('gives vectors and payloads back as they were', async () => {
      const index = await fresh(64)
      const payload = {
        imageId: pointIdOf(9),
        captions: ['a “quoted” caption\nin two lines', 'écrit en français', '猫'],
        split: 'validation' as const,
        metadata: { photographer: "O'Brien", 'a.b c"d': '' },
        offset: 12_345_678_901,
      }
      const point: Point = { id: pointIdOf(1), vector: randomVector(seededRandom(1), 64), payload }
      await index.upsert(generation, 'images', [point])
      const [stored] = await index.points(generation, 'images', [pointIdOf(1), pointIdOf(2)])
      expect(stored?.payload).toEqual(payload)
      expect(Array.from(stored?.vector ?? [])).toEqual(
        Array.from(point.vector, (value) => expect.closeTo(value, 6) as number),
      )
      expect(await index.payloads(generation, 'images', [pointIdOf(1), pointIdOf(2)])).toEqual(
        new Map([[pointIdOf(1), payload]]),
      )
      const [hit] = await index.search(generation, 'images', { vector: point.vector, limit: 1 })
      expect(hit?.payload).toEqual(payload)
    })

    it('lets a removed point come back', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0))])
      await index.remove(generation, 'images', removalsOf([pointIdOf(1)]))
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0))])
      expect(idsOf(await index.search(generation, 'images', { vector: along(1, 0), limit: 10 }))).toEqual([
        pointIdOf(1),
      ])
    })

    it('lists every id once in a sweep', async () => {
      const index = await fresh()
      const random = seededRandom(2)
      const numbers = Array.from({ length: 2_345 }, (_, number) => number)
      await index.upsert(
        generation,
        'images',
        numbers.map((number) => pointOf(number, randomVector(random, 2))),
      )
      expect(await sweep(index)).toEqual(numbers.map(pointIdOf).sort())
    })
  })

  removalContract(harness)
  searchContract(harness)
  rangeContract(harness)
  wordsContract(harness)

  describe('generations', () => {
    it('keeps images and captions, and generations, apart', async () => {
      const index = await fresh()
      await index.create('g2', 3)
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0))])
      await index.upsert(generation, 'captions', [pointOf(2, along(1, 0)), pointOf(3, along(1, 0))])
      await index.upsert('g2', 'images', [pointOf(4, along(1, 0, 0))])
      expect(idsOf(await index.search(generation, 'images', { vector: along(1, 0), limit: 9 }))).toEqual([pointIdOf(1)])
      const generations = [...(await index.generations())].sort((a, b) => (a.generation < b.generation ? -1 : 1))
      expect(generations).toEqual([
        { generation, dimension: 2, counts: { images: 1, captions: 2 } },
        { generation: 'g2', dimension: 3, counts: { images: 1, captions: 0 } },
      ])
    })

    it('creates a generation that exists without touching it, and refuses another dimension', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0))])
      await index.create(generation, 2)
      expect(await sweep(index)).toEqual([pointIdOf(1)])
      await expect(index.create(generation, 3)).rejects.toMatchObject({ code: 'invalid-vector' })
    })

    it('drops one generation and leaves the other', async () => {
      const index = await fresh()
      await index.create('g2', 2)
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0))])
      await index.upsert('g2', 'images', [pointOf(2, along(0, 1))])
      await index.drop(generation)
      await index.drop(generation)
      await expect(index.search(generation, 'images', { vector: along(1, 0), limit: 5 })).rejects.toMatchObject({
        code: 'generation-not-found',
      })
      expect(idsOf(await index.search('g2', 'images', { vector: along(1, 0), limit: 5 }))).toEqual([pointIdOf(2)])
      await index.create(generation, 2)
      expect(await sweep(index)).toEqual([])
      expect(await index.search(generation, 'images', { vector: along(1, 0), limit: 5 })).toEqual([])
    })

    it('names the serving generation, across a restart', async () => {
      const place = await temporaryFolder()
      const index = await openAt(place)
      expect(await index.serving()).toBeNull()
      await index.create('g1', 2)
      await index.create('g2', 2)
      await index.serve('g1')
      await index.serve('g2')
      expect(await index.serving()).toBe('g2')
      await expect(index.serve('g9')).rejects.toMatchObject({ code: 'generation-not-found' })
      await index.close()
      expect(await (await openAt(place)).serving()).toBe('g2')
    })

    it('names the generation that is missing', async () => {
      const index = await fresh()
      const missing = { code: 'generation-not-found' }
      await expect(index.upsert('g9', 'images', [pointOf(1, along(1, 0))])).rejects.toMatchObject(missing)
      await expect(index.remove('g9', 'images', removalsOf([pointIdOf(1)]))).rejects.toMatchObject(missing)
      await expect(index.points('g9', 'images', [pointIdOf(1)])).rejects.toMatchObject(missing)
      await expect(index.payloads('g9', 'images', [pointIdOf(1)])).rejects.toMatchObject(missing)
      await expect(sweep(index, 'g9')).rejects.toMatchObject(missing)
    })
  })

  describe('restarts and bad input', () => {
    it('has everything after a restart', async () => {
      const place = await temporaryFolder()
      const first = await openAt(place)
      await first.create(generation, 16)
      const draw = clusteredVectors(7, 16, 10)
      const points = Array.from({ length: 500 }, (_, number) => pointOf(number, draw()))
      await first.upsert(generation, 'images', points)
      await first.remove(generation, 'images', removalsOf([pointIdOf(3)]))
      const query = { vector: draw(), limit: 20, exact: true }
      const before = await first.search(generation, 'images', query)
      await first.close()
      const second = await openAt(place)
      expect(await second.search(generation, 'images', query)).toEqual(before)
      expect(await second.generations()).toEqual([{ generation, dimension: 16, counts: { images: 499, captions: 0 } }])
    })

    it.each([
      ['of another dimension', along(1, 0, 0)],
      ['that is not finite', along(Number.NaN, 1)],
      ['with an infinite value', along(Number.POSITIVE_INFINITY, 0)],
      ['not of unit length', along(1, 1)],
      ['of zeros', along(0, 0)],
    ])('refuses a vector %s and stores nothing of its batch', async (_, vector) => {
      const index = await fresh()
      const refused = { code: 'invalid-vector' }
      await expect(
        index.upsert(generation, 'images', [pointOf(1, along(1, 0)), pointOf(2, vector)]),
      ).rejects.toMatchObject(refused)
      await expect(index.search(generation, 'images', { vector, limit: 5 })).rejects.toMatchObject(refused)
      expect(await sweep(index)).toEqual([])
    })

    it('refuses ids that are no UUID, and pages that are no numbers', async () => {
      const index = await fresh()
      const refused = { code: 'invalid-request' }
      const point = { ...pointOf(1, along(1, 0)), id: 'cat.jpg' }
      await expect(index.upsert(generation, 'images', [point])).rejects.toMatchObject(refused)
      for (const page of [{ limit: -1 }, { limit: 1.5 }, { limit: Number.NaN }, { limit: 5, offset: -1 }]) {
        await expect(index.search(generation, 'images', { vector: along(1, 0), ...page })).rejects.toMatchObject(
          refused,
        )
      }
    })
  })
}
