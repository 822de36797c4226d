import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Scored } from '../../../src/adapters/vector-index/best-list.ts'
import { createVectorTable, type VectorTable } from '../../../src/adapters/vector-index/vector-table.ts'
import { createRandom } from '../../../src/core/random.ts'
import { dot, normalise } from '../../../src/core/vector.ts'

type Row = { readonly number: number; readonly id: string; readonly vector: Float32Array }

/** Rows of which many are the same vector, as pictures that were published twice under other ids are. */
function rowsOf(seed: number, count: number, dimension: number, distinct: number): Row[] {
  const random = createRandom(seed)
  const vectors = Array.from({ length: distinct }, () =>
    normalise(Float32Array.from({ length: dimension }, () => random.float() - 0.5)),
  )
  return Array.from({ length: count }, (_, number) => ({
    number,
    id: String(random.below(1_000_000)).padStart(6, '0') + String(number),
    vector: vectors[random.below(distinct)] as Float32Array,
  }))
}

/** Asked for as many as there are, a table compares with every row; for fewer it looks for a short cut. */
function checkedRanking(table: VectorTable, rows: readonly Row[], query: Float32Array): readonly Scored[] {
  const ranking = table.best(query, rows.length)
  const vectors = new Map(rows.map(({ id, vector }) => [id, vector]))
  expect(new Set(ranking.map(({ id }) => id))).toEqual(new Set(vectors.keys()))
  for (const { id, score } of ranking) expect(score).toBeCloseTo(dot(vectors.get(id) as Float32Array, query), 5)
  expect(ranking.toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))).toEqual(ranking)
  return ranking
}

it('gives the best of all rows, ties by id, whatever was deleted before and however many are alike', () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(),
        dimension: fc.constantFrom(3, 16, 512),
        rows: fc.integer({ min: 1, max: 1_500 }),
        distinct: fc.constantFrom(1, 7, 100, 1_500),
        count: fc.integer({ min: 0, max: 40 }),
        deleted: fc.integer({ min: 0, max: 200 }),
      }),
      ({ seed, dimension, rows: size, distinct, count, deleted }) => {
        const rows = rowsOf(seed, size, dimension, distinct)
        const table = createVectorTable(dimension)
        for (const { number, id, vector } of rows) table.add(number, id, vector)
        for (let number = 0; number < Math.min(deleted, size); number++) table.delete(number)
        const left = rows.slice(deleted)
        const query = rowsOf(seed + 1, 1, dimension, 1)[0]?.vector as Float32Array
        expect(table.best(query, count)).toEqual(checkedRanking(table, left, query).slice(0, count))
      },
    ),
    { numRuns: 60 },
  )
})
