import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterEach, describe, expect, it } from 'vitest'
import { checkQdrant, createQdrantIndex, type QdrantIndexOptions } from '../../src/adapters/vector-index/qdrant.ts'
import type { VectorIndex } from '../../src/ports/vector-index.ts'
import { vectorIndexContract } from '../contracts/vector-index.ts'
import { clusteredVectors, pointIdOf, pointOf } from '../fixtures/points.ts'
import { qdrantRemovals } from './qdrant-removals.ts'
import { early } from './qdrant-under-test.ts'
import { qdrantWords } from './qdrant-words.ts'

const url = process.env['QDRANT_URL'] ?? ''
const apiKey = process.env['QDRANT_API_KEY']
const address = { url, ...(apiKey === undefined ? {} : { apiKey }) }

if (url === '') {
  console.warn(
    'Skipped because QDRANT_URL is not set: the contract of VectorIndex on Qdrant (twice: as configured, and with graphs from the ' +
      'first points on), racing creates, the switch under load, recall, removals under load, snapshots, words for outside readers, captions without words, metadata indexes, the check.',
  )
}

/** All collections of this run begin so. */
const run = `test_${randomBytes(4).toString('hex')}_`

/** The server as an outside reader sees it. */
const outside = (): QdrantClient =>
  new QdrantClient({
    url: url === '' ? 'http://127.0.0.1:1' : url,
    checkCompatibility: false,
    headers: { 'accept-encoding': 'identity', 'api-key': apiKey },
  })

const opened: VectorIndex[] = []
async function open(prefix: string, options: Partial<QdrantIndexOptions> = {}): Promise<VectorIndex> {
  const index = await createQdrantIndex({ ...address, prefix, deadline: 60_000, ...options })
  opened.push(index)
  return index
}

const newPrefix = (): string => `${run}${randomBytes(4).toString('hex')}_`

/** Waits until Qdrant has built every graph that it wants to build. */
async function settle(prefix: string): Promise<void> {
  const client = outside()
  for (let quiet = 0; quiet < 3;) {
    await delay(100)
    const { collections } = await client.getCollections()
    const names = collections.map(({ name }) => name).filter((name) => name.startsWith(prefix))
    const infos = await Promise.all(names.map((name) => client.getCollection(name)))
    quiet = infos.every(({ status }) => status === 'green') ? quiet + 1 : 0
  }
}

/** Every collection has a write-ahead log of its own, however few its points, so none outlives its test. */
async function removeAll(): Promise<void> {
  for (const index of opened.splice(0)) await index.close()
  const client = outside()
  for (const { name } of (await client.getCollections()).collections) {
    if (!name.startsWith(run)) continue
    for (const snapshot of await client.listSnapshots(name)) await client.deleteSnapshot(name, snapshot.name)
    await client.deleteCollection(name)
  }
}

describe.skipIf(url === '')('Qdrant (needs QDRANT_URL)', () => {
  afterEach(removeAll)

  const prefixAt = (place: string): string => `${run}${createHash('sha256').update(place).digest('hex').slice(0, 8)}_`

  describe('as configured', () => {
    vectorIndexContract(
      (place) => open(prefixAt(place)),
      () => settle(run),
    )
  })

  describe('with graphs from the first points on', () => {
    vectorIndexContract(
      (place) => open(`g${prefixAt(place)}`.replace(`g${run}`, `${run}g`), { indexing: early }),
      () => settle(run),
    )
  })

  it('is found to be usable', async () => {
    expect(await checkQdrant(address)).toEqual([])
  })

  it('creates a generation that several processes create at once', async () => {
    const prefix = newPrefix()
    for (let round = 0; round < 3; round++) {
      const processes = await Promise.all(Array.from({ length: 6 }, () => open(prefix)))
      await Promise.all(processes.map((index) => index.create(`g${round}`, 8)))
      const [index] = processes
      await index?.upsert(`g${round}`, 'captions', [pointOf(1, clusteredVectors(1, 8, 1)())])
      expect(await index?.generations()).toContainEqual({
        generation: `g${round}`,
        dimension: 8,
        counts: { images: 0, captions: 1 },
      })
      for (const kind of ['images', 'captions']) {
        const { payload_schema } = await outside().getCollection(`${prefix}${kind}_g${round}`)
        expect(Object.keys(payload_schema).sort()).toEqual(['offset', 'split'])
      }
    }
    const [two, three] = [await open(prefix), await open(prefix)]
    const outcomes = await Promise.allSettled([two.create('h', 2), three.create('h', 3)])
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'invalid-vector' }) as unknown },
    ])
  })

  it('switches the serving generation without a reader noticing', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    const vector = Float32Array.of(1, 0)
    for (const [number, generation] of ['g1', 'g2'].entries()) {
      await index.create(generation, 2)
      await index.upsert(generation, 'images', [pointOf(number, vector)])
    }
    await index.serve('g1')
    const client = outside()
    const seen = new Set<unknown>()
    let failed = 0
    let asked = 0
    let isOver = false
    const read = async (): Promise<void> => {
      while (!isOver) {
        asked++
        try {
          const { points } = await client.query(`${prefix}serving`, { query: [1, 0], limit: 5 })
          if (points.length !== 1) failed++
          seen.add(points[0]?.id)
          if ((await index.serving()) === null) failed++
        } catch {
          failed++
        }
      }
    }
    const readers = Array.from({ length: 4 }, read)
    for (let turn = 0; turn < 20; turn++) await index.serve(turn % 2 === 0 ? 'g2' : 'g1')
    isOver = true
    await Promise.all(readers)
    expect({ failed, seen: [...seen].sort() }).toEqual({ failed: 0, seen: [0, 1].map(pointIdOf).sort() })
    expect(asked).toBeGreaterThan(20)
  })

  it('finds 98 of 100 of the true ten nearest among 8,000 clustered vectors, through quantised graphs', async () => {
    const prefix = newPrefix()
    const index = await open(prefix, { indexing: early })
    await index.create('g1', 256)
    const draw = clusteredVectors(11, 256, 100)
    await index.upsert(
      'g1',
      'images',
      Array.from({ length: 8_000 }, (_, number) => pointOf(number, draw())),
    )
    await settle(prefix)
    const { indexed_vectors_count } = await outside().getCollection(`${prefix}images_g1`)
    expect(indexed_vectors_count).toBeGreaterThan(7_000)
    let found = 0
    for (let query = 0; query < 50; query++) {
      const vector = draw()
      const exact = await index.search('g1', 'images', { vector, limit: 10, exact: true })
      const near = new Set((await index.search('g1', 'images', { vector, limit: 10 })).map(({ id }) => id))
      found += exact.filter(({ id }) => near.has(id)).length
    }
    console.info(`recall@10 of 8,000 clustered vectors of 256: ${(found / 500).toFixed(4)}`)
    expect(found / 500).toBeGreaterThanOrEqual(0.98)
  })

  it('takes a snapshot of both collections a release, keeps two, and leaves none behind', async () => {
    const prefix = newPrefix()
    const failures: unknown[] = []
    const index = await open(prefix, { onSnapshotFailure: (error) => failures.push(error) })
    const client = outside()
    const names = (generation: string): string[] => [`${prefix}images_${generation}`, `${prefix}captions_${generation}`]
    const counts = (generation: string): Promise<number[]> =>
      Promise.all(names(generation).map(async (name) => (await client.listSnapshots(name)).length))
    for (const generation of ['g1', 'g2']) await index.create(generation, 2)
    await index.serve('g1')
    await index.serve('g1')
    expect(await counts('g1')).toEqual([1, 1])
    const turn = async (): Promise<number[][]> => {
      for (const generation of ['g2', 'g1']) await index.serve(generation)
      return [await counts('g1'), await counts('g2')]
    }
    // Qdrant names snapshots by the second: of releases within one, the later takes the place of the earlier.
    await expect.poll(turn, { timeout: 20_000 }).toEqual([
      [2, 2],
      [2, 2],
    ])
    for (let more = 0; more < 3; more++) expect(Math.max(...(await turn()).flat())).toBeLessThanOrEqual(2)
    await index.drop('g1')
    expect(await index.serving()).toBeNull()
    // Qdrant keeps a deleted collection's snapshots and shows them to the next collection of that name.
    await index.create('g1', 2)
    expect(await counts('g1')).toEqual([0, 0])
    expect(failures).toEqual([])
  })

  qdrantWords({ open, outside, newPrefix })
  qdrantRemovals({ open, outside, newPrefix })

  it('indexes a metadata field once a filter by it has found something, whatever it is called', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    await index.create('g1', 2)
    const vector = Float32Array.of(1, 0)
    const metadata = { colour: 'red', 'shop "A".né': 'x', 'back\\slash': '50%', '': 'unnamed' }
    await index.upsert('g1', 'images', [
      pointOf(1, vector, { metadata }),
      pointOf(2, vector, { metadata: { colour: 'blue' } }),
    ])
    const search = async (name: string, value: string) =>
      (await index.search('g1', 'images', { vector, limit: 5, filter: { metadata: { [name]: [value] } } })).map(
        ({ id }) => id,
      )
    for (let round = 0; round < 2; round++) {
      for (const [name, value] of Object.entries(metadata)) expect(await search(name, value)).toEqual([pointIdOf(1)])
      expect(await search('unheard-of', 'x')).toEqual([])
    }
    const expected = [
      'metadata."" ',
      'metadata."back%5Cslash"',
      'metadata."shop %22A%22.né"',
      'metadata.colour',
      'offset',
      'split',
    ]
    await expect
      .poll(async () => Object.keys((await outside().getCollection(`${prefix}images_g1`)).payload_schema).sort())
      .toEqual(expected.map((path) => path.trim()))
    for (const [name, value] of Object.entries(metadata)) expect(await search(name, value)).toEqual([pointIdOf(1)])
  })

  it('filters by metadata where strict mode allows only fields with an index', async () => {
    const prefix = newPrefix()
    const index = await open(prefix)
    await index.create('g1', 2)
    const strict_mode_config = { enabled: true, unindexed_filtering_retrieve: false }
    await outside().updateCollection(`${prefix}images_g1`, { strict_mode_config })
    const vector = Float32Array.of(1, 0)
    await index.upsert('g1', 'images', [pointOf(1, vector, { metadata: { colour: 'red' } }), pointOf(2, vector)])
    const filter = { splits: ['train' as const], metadata: { colour: ['red'] } }
    const hits = await index.search('g1', 'images', { vector, limit: 5, filter })
    expect(hits.map(({ id }) => id)).toEqual([pointIdOf(1)])
  })
})
