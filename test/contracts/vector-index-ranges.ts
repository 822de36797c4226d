import { describe, expect, it } from 'vitest'
import { rangeOf, type WrittenBounds } from '../../src/core/value-range.ts'
import { normalise } from '../../src/core/vector.ts'
import type { Filter } from '../../src/ports/vector-index.ts'
import { pointIdOf, pointOf } from '../fixtures/points.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { along, generation, idsOf, type IndexHarness } from './vector-index-harness.ts'

/** Filters by ranges of numbers and dates in the metadata. */
export function rangeContract({ fresh, openAt }: IndexHarness): void {
  const fields: readonly Readonly<Record<string, string>>[] = [
    { year: '2018', taken: '2024-06-29T23:59:59Z', 'shop "A".né': '-1.5e3' },
    { year: '2019', taken: '2024-06-30' },
    { year: '02019.50', taken: '2024-06-30T23:30:00-02:00' },
    { year: '2021', taken: '2024-07-01T00:30:00+01:00' },
    { year: 'two thousand', taken: '2024-02-30' },
    { taken: 'in summer' },
    { year: '10', taken: '2024' },
  ]
  const points = fields.map((metadata, number) => pointOf(number, normalise(along(1, number / 100)), { metadata }))
  const range = (name: string, bounds: WrittenBounds): Filter => ({ ranges: { [name]: rangeOf(bounds) } })

  describe('ranges', () => {
    it('compare numbers as numbers and dates as times, their bounds in or out', async () => {
      const index = await fresh()
      for (const kind of ['images', 'captions'] as const) await index.upsert(generation, kind, points)
      const numbers = new Map(points.map(({ id }, number) => [id, number]))
      const expected: readonly [Filter, readonly number[]][] = [
        [range('year', { gte: 2019, lt: 2021 }), [1, 2]],
        [range('year', { gt: 2019 }), [2, 3]],
        [range('year', { lte: 2019 }), [0, 1, 6]],
        [range('year', { lt: 10 }), []],
        [range('year', { gt: 2019, lte: 2019.5 }), [2]],
        [range('shop "A".né', { lte: -1500 }), [0]],
        [range('taken', { gte: '2024-06-30', lte: '2024-06-30' }), [1, 3]],
        [range('taken', { lt: '2024-06-30' }), [0]],
        [range('taken', { gt: '2024-06-30' }), [2]],
        [range('taken', { gte: '2024-06-30T23:30:00Z', lte: '9999-12-31' }), [2, 3]],
        [range('unheard-of', { gte: 0 }), []],
        [{ ...range('year', { gte: 2019 }), metadata: { taken: ['2024-06-30'] } }, [1]],
        [{ ranges: { year: rangeOf({ gte: 2019 }), taken: rangeOf({ gte: '2024-07-01' }) } }, [2]],
        [{ ...range('year', { gte: 0 }), splits: ['test'] }, []],
      ]
      for (const [filter, wanted] of expected) {
        for (const kind of ['images', 'captions'] as const) {
          const hits = await index.search(generation, kind, { vector: along(1, 0), limit: 10, filter })
          const found = idsOf(hits).map((id) => numbers.get(id) ?? -1)
          expect({ filter, found: found.sort() }).toEqual({ filter, found: wanted })
        }
        const byWords = await index.searchWords(generation, { words: 'caption', limit: 10, filter })
        expect(byWords.map(({ id }) => numbers.get(id)).sort()).toEqual(wanted)
      }
    })

    it('go by the newest metadata, and survive a restart', async () => {
      const place = await temporaryFolder()
      const index = await openAt(place)
      await index.create(generation, 2)
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0), { metadata: { year: '2019' } })])
      await index.upsert(generation, 'images', [pointOf(1, along(1, 0), { metadata: { year: '2021' } })])
      const filter = range('year', { gte: 2020 })
      await index.close()
      const again = await openAt(place)
      const found = async (by: Filter) =>
        idsOf(await again.search(generation, 'images', { vector: along(1, 0), limit: 5, filter: by }))
      expect(await found(filter)).toEqual([pointIdOf(1)])
      expect(await found(range('year', { lte: 2019 }))).toEqual([])
    })
  })
}
