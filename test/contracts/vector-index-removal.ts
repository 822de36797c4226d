import { describe, expect, it } from 'vitest'
import { pointIdOf, pointOf, removalsOf } from '../fixtures/points.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { along, generation, idsOf, sweep, type IndexHarness } from './vector-index-harness.ts'

/** What is removed, and what a removal that comes late spares. */
export function removalContract({ fresh, openAt }: IndexHarness): void {
  const vector = along(1, 0)
  const written = (number: number, offset: number) => pointOf(number, vector, { offset })
  const upTo = (number: number, offset: number) => ({ id: pointIdOf(number), upTo: offset })

  describe('removals', () => {
    it('removes by id, once or twice, and unknown ids without complaint', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0)), pointOf(2, along(0, 1))])
      await index.remove(generation, 'images', removalsOf([pointIdOf(1), pointIdOf(7)]))
      await index.remove(generation, 'images', removalsOf([pointIdOf(1)]))
      expect(idsOf(await index.search(generation, 'images', { vector, limit: 10 }))).toEqual([pointIdOf(2)])
      expect(await index.points(generation, 'images', [pointIdOf(1)])).toEqual([])
      await index.remove(generation, 'images', [])
      expect(await sweep(index)).toEqual([pointIdOf(2)])
    })

    it('takes what was written from a record up to the given one, and spares what was written since', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [written(1, 6), written(2, 7), written(3, 8)])
      const removals = removalsOf([1, 2, 3].map(pointIdOf), 7)
      await index.remove(generation, 'images', removals)
      expect(await sweep(index)).toEqual([pointIdOf(3)])
      await index.upsert(generation, 'images', [written(1, 9)])
      for (let time = 0; time < 2; time++) await index.remove(generation, 'images', removals)
      expect(await sweep(index)).toEqual([pointIdOf(1), pointIdOf(3)].sort())
      expect(idsOf(await index.search(generation, 'images', { vector, limit: 5 }))).toHaveLength(2)
    })

    it('goes by what a point says last, also where its vector stayed', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [written(1, 5)])
      await index.upsert(generation, 'images', [written(1, 8)])
      await index.remove(generation, 'images', [upTo(1, 7)])
      expect(await index.points(generation, 'images', [pointIdOf(1)])).toMatchObject([{ payload: { offset: 8 } }])
      await index.upsert(generation, 'images', [written(1, 6)])
      await index.remove(generation, 'images', [upTo(1, 7)])
      expect(await sweep(index)).toEqual([])
    })

    it('goes by each point’s own offset, in one call, in the kind it was given', async () => {
      const index = await fresh()
      const points = [written(1, 3), written(2, 3), written(3, 0), written(4, 2 ** 40)]
      for (const kind of ['images', 'captions'] as const) await index.upsert(generation, kind, points)
      await index.remove(generation, 'images', [upTo(1, 2), upTo(2, 3), upTo(3, -1), upTo(4, 2 ** 40)])
      expect(await sweep(index)).toEqual([pointIdOf(1), pointIdOf(3)].sort())
      const others = await index.points(generation, 'captions', [1, 2, 3, 4].map(pointIdOf))
      expect(others).toHaveLength(4)
    })

    it('takes ids in upper case, and the furthest of several for one', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [written(1, 5), written(2, 5)])
      await index.remove(generation, 'images', [
        { id: pointIdOf(1).toUpperCase(), upTo: 5 },
        { id: pointIdOf(1), upTo: 1 },
        { id: pointIdOf(2).toUpperCase(), upTo: 4 },
      ])
      expect(await sweep(index)).toEqual([pointIdOf(2)])
    })

    it('keeps to that past one request and one transaction', async () => {
      const index = await fresh()
      const numbers = Array.from({ length: 700 }, (_, number) => number)
      await index.upsert(
        generation,
        'images',
        numbers.map((number) => written(number, number)),
      )
      const removals = numbers.map((number) => upTo(number, number % 3 === 0 ? number - 1 : number))
      await index.remove(generation, 'images', removals)
      const spared = numbers.filter((number) => number % 3 === 0).map(pointIdOf)
      expect(await sweep(index)).toEqual(spared.sort())
    })

    it('keeps to that across a restart', async () => {
      const place = await temporaryFolder()
      const first = await openAt(place)
      await first.create(generation, 2)
      await first.upsert(generation, 'images', [written(1, 5), written(2, 9)])
      await first.close()
      const second = await openAt(place)
      await second.remove(generation, 'images', removalsOf([1, 2].map(pointIdOf), 8))
      expect(await sweep(second)).toEqual([pointIdOf(2)])
    })

    it('refuses what is no id or no offset, and removes nothing then', async () => {
      const index = await fresh()
      await index.upsert(generation, 'images', [written(1, 0)])
      for (const removal of [{ id: 'cat.jpg', upTo: 1 }, upTo(1, Number.NaN), upTo(1, 1.5), upTo(1, Infinity)]) {
        const removing = index.remove(generation, 'images', [upTo(1, 5), removal])
        await expect(removing).rejects.toMatchObject({ code: 'invalid-request' })
      }
      expect(await sweep(index)).toEqual([pointIdOf(1)])
    })
  })
}
