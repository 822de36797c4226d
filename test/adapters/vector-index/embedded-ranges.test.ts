import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rangeOf } from '../../../src/core/value-range.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { clusteredVectors, pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { openIndex } from './filled-folder.ts'

const draw = clusteredVectors(1, 16, 3)
const inYear = (number: number, year: number) =>
  pointOf(number, draw(), { metadata: { year: String(year), place: 'Rome' } })

describe('what metadata count as in the embedded index', () => {
  it('is made at the first start where an earlier version had none', async () => {
    const folder = await temporaryFolder()
    const before = openIndex(folder)
    await before.create('g1', 16)
    await before.upsert(
      'g1',
      'images',
      Array.from({ length: 2_345 }, (_, number) => inYear(number, number)),
    )
    await before.close()
    const database = openDatabase(join(folder, 'vectors.db'))
    database.exec('DROP TABLE metadata_values')
    database.close()
    expect(() => openIndex(folder, { writable: false })).toThrow(/no index of this version/)
    const index = openIndex(folder)
    const filter = { ranges: { year: rangeOf({ gte: 1_234, lt: 1_236 }) } }
    const hits = await index.search('g1', 'images', { vector: draw(), limit: 9_999, filter })
    expect(new Set(hits.map(({ id }) => id))).toEqual(new Set([1_234, 1_235].map(pointIdOf)))
  })

  it('leaves the database with its point, and with the generation', async () => {
    const folder = await temporaryFolder()
    const index = openIndex(folder)
    const count = (): number => {
      const database = openDatabase(join(folder, 'vectors.db'), { readonly: true })
      const row = database.prepare<{ n: number }>('SELECT count(*) AS n FROM metadata_values').get()
      database.close()
      return row?.n ?? -1
    }
    for (const generation of ['g1', 'g2']) {
      await index.create(generation, 16)
      await index.upsert(
        generation,
        'images',
        Array.from({ length: 600 }, (_, number) => inYear(number, number)),
      )
    }
    expect(count()).toBe(1_200)
    await index.remove('g1', 'images', removalsOf([pointIdOf(3)]))
    await index.upsert('g1', 'images', [pointOf(4, draw())])
    expect(count()).toBe(1_198)
    await index.drop('g1')
    expect(count()).toBe(600)
  })
})
