import { expect, it } from 'vitest'
import { clusteredVectors, pointIdOf, pointOf, removalsOf } from '../fixtures/points.ts'
import { early, type QdrantUnderTest } from './qdrant-under-test.ts'

/** Removals at size and under load, and in collections that an earlier version has made. */
export function qdrantRemovals({ open, outside, newPrefix }: QdrantUnderTest): void {
  it('shows no removed point to a search that begins after the removal, while others write', async () => {
    const index = await open(newPrefix(), { indexing: early })
    await index.create('g1', 32)
    const draw = clusteredVectors(12, 32, 5)
    const points = Array.from({ length: 2_500 }, (_, number) => pointOf(number, draw()))
    await index.upsert('g1', 'images', points)
    const writing = (async () => {
      for (let start = 5_000; start < 6_000; start += 100) {
        await index.upsert(
          'g1',
          'images',
          Array.from({ length: 100 }, (_, i) => pointOf(start + i, draw())),
        )
      }
    })()
    for (let start = 0; start < 1_200; start += 200) {
      const removed = points.slice(start, start + 200)
      await index.remove('g1', 'images', removalsOf(removed.map(({ id }) => id)))
      const gone = new Set(points.slice(0, start + 200).map(({ id }) => id))
      for (const { vector } of removed.slice(0, 5)) {
        const hits = await index.search('g1', 'images', { vector, limit: 20 })
        expect(hits.filter(({ id }) => gone.has(id))).toEqual([])
        expect(hits).toHaveLength(20)
      }
    }
    await writing
    expect(await index.generations()).toMatchObject([{ counts: { images: 2_300 } }])
  })

  it('removes what is not newer, also points of before offsets were kept, and in strict mode collections of before', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    await index.create('g1', 2)
    const client = outside()
    const collection = `${prefix}images_g1`
    await client.deletePayloadIndex(collection, 'offset', { wait: true })
    const strict_mode_config = { enabled: true, unindexed_filtering_retrieve: false, unindexed_filtering_update: false }
    await client.updateCollection(collection, { strict_mode_config })
    const vector = Float32Array.of(1, 0)
    await index.upsert(
      'g1',
      'images',
      [1, 2, 3].map((number) => pointOf(number, vector, { offset: number })),
    )
    await client.setPayload(collection, { points: [pointIdOf(3)], payload: { offset: null }, wait: true })
    await client.upsert(collection, { points: [{ id: pointIdOf(4), vector: [1, 0], payload: {} }], wait: true })
    const removals = [
      { id: pointIdOf(1), upTo: 1 },
      { id: pointIdOf(2), upTo: 1 },
      ...removalsOf([3, 4].map(pointIdOf), -1),
    ]
    await index.remove('g1', 'images', removals)
    const left: string[] = []
    for await (const id of index.ids('g1', 'images')) left.push(id)
    expect(left).toEqual([pointIdOf(2)])
    expect(Object.keys((await client.getCollection(collection)).payload_schema)).toContain('offset')
  })

  it('removes 256 of 10,000, each up to its own offset, in well under a second', async () => {
    const index = await open(newPrefix())
    await index.create('g1', 64)
    const draw = clusteredVectors(13, 64, 20)
    const points = Array.from({ length: 10_000 }, (_, number) => pointOf(number, draw(), { offset: number }))
    await index.upsert('g1', 'images', points)
    const times: number[] = []
    for (let start = 0; start < 5 * 256; start += 256) {
      const removals = points.slice(start, start + 256).map(({ id, payload }, at) => ({
        id,
        upTo: at % 2 === 0 ? payload.offset : payload.offset - 1,
      }))
      const from = performance.now()
      await index.remove('g1', 'images', removals)
      times.push(performance.now() - from)
    }
    console.info(`256 removals of 10,000 points: ${times.map((time) => time.toFixed(0)).join(', ')} ms`)
    expect(await index.generations()).toMatchObject([{ counts: { images: 10_000 - 5 * 128 } }])
    expect(Math.min(...times)).toBeLessThan(1_000)
  })
}
