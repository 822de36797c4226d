import { expect, it } from 'vitest'
import { buildIndex, recallOf, searchAll, shares, usearchExact } from '../../../bench/support/searched-index.ts'
import { extendVectors } from '../../../bench/support/interpolate.ts'
import { createRandom } from '../../../src/core/random.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

it('counts what was found of what should be', () => {
  expect(recallOf([['a', 'b'], ['c']], [['a', 'x'], ['c']])).toBe(0.75)
  expect(recallOf([[]], [[]])).toBe(1)
})

it('finds by the index, by exact search and by the peer the same points, and filters by the shares it names', async () => {
  const random = createRandom(3)
  const axes = Array.from({ length: 8 }, (_, at) => Float32Array.from({ length: 8 }, (_, i) => Number(i === at)))
  const vectors = extendVectors(axes, 400, random)
  const queries = vectors.slice(20, 30)
  const { index } = await buildIndex(await temporaryFolder(), vectors, {})
  try {
    const exact = await searchAll(index, queries, { limit: 10, exact: true })
    expect(exact.milliseconds).toHaveLength(10)
    expect(recallOf(usearchExact(vectors, queries, 10).found, exact.found)).toBe(1)
    for (const [share, part] of Object.entries(shares)) {
      const { found } = await searchAll(index, queries, { limit: 400, filter: { metadata: { share: [share] } } })
      expect(found[0]).toHaveLength(400 * part)
    }
  } finally {
    await index.close()
  }
})
