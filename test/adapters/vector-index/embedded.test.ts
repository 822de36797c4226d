import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createEmbeddedIndex, type EmbeddedIndex } from '../../../src/adapters/vector-index/embedded.ts'
import { dot, normalise } from '../../../src/core/vector.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { vectorIndexContract } from '../../contracts/vector-index.ts'
import { pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

describe('embedded vector index', () => {
  vectorIndexContract(
    async (folder) => createEmbeddedIndex({ folder, writable: true }),
    (index) => index.settled(),
  )

  describe('with a graph from the first point on', () => {
    vectorIndexContract(
      async (folder) => createEmbeddedIndex({ folder, writable: true, settings: { scanBelow: 0 } }),
      (index) => index.settled(),
    )
  })
})

it('opens what was written before offsets were kept, and lets any removal take it until it is written anew', async () => {
  const folder = await temporaryFolder()
  const open = (): EmbeddedIndex => createEmbeddedIndex({ folder, writable: true })
  const first = open()
  await first.create('g1', 2)
  const points = [1, 2, 3].map((each) => pointOf(each, Float32Array.of(1, 0)))
  await first.upsert('g1', 'images', points)
  await first.close()
  const database = openDatabase(join(folder, 'vectors.db'))
  database.exec("UPDATE points SET payload = json_remove(payload, '$.offset')")
  database.close()

  const index = open()
  onTestFinished(() => index.close())
  const stored = async () =>
    (
      await index.points(
        'g1',
        'images',
        points.map(({ id }) => id),
      )
    ).map(({ payload }) => payload.offset)
  expect(await stored()).toEqual([-1, -1, -1])
  const hits = await index.search('g1', 'images', { vector: Float32Array.of(1, 0), limit: 3 })
  expect(hits.map(({ payload }) => payload.offset)).toEqual([-1, -1, -1])
  await index.upsert('g1', 'images', points.slice(0, 1))
  await index.remove(
    'g1',
    'images',
    removalsOf(
      points.slice(0, 2).map(({ id }) => id),
      -1,
    ),
  )
  expect((await stored()).sort()).toEqual([-1, 0])
})

const number = fc.integer({ min: 0, max: 30 })
/** Few directions, so that ties are common. */
const vector = fc
  .tuple(...Array.from({ length: 3 }, () => fc.integer({ min: -2, max: 2 })))
  .filter((values) => values.some((value) => value !== 0))
  .map((values) => normalise(Float32Array.from(values)))
const colour = fc.constantFrom('red', 'green')
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('upsert' as const),
      points: fc.array(fc.record({ number, vector, colour }), { maxLength: 12 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('remove' as const), numbers: fc.array(number, { maxLength: 6 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('search' as const),
      vector,
      colour: fc.option(colour),
      limit: fc.integer({ min: 1, max: 12 }),
      offset: fc.integer({ min: 0, max: 6 }),
      exact: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
)

describe('embedded vector index against a list of points', () => {
  it('answers as the list does, whatever was written before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
        const open = (): EmbeddedIndex =>
          createEmbeddedIndex({ folder, writable: true, settings: { scanBelow: 6, depth: 20 } })
        let index = open()
        const reference = new Map<string, { vector: Float32Array; colour: string }>()
        try {
          await index.create('g1', 3)
          for (const each of steps) {
            if (each.type === 'upsert') {
              await index.upsert(
                'g1',
                'images',
                each.points.map((point) => pointOf(point.number, point.vector, { metadata: { colour: point.colour } })),
              )
              for (const point of each.points) reference.set(pointIdOf(point.number), point)
            } else if (each.type === 'remove') {
              await index.remove('g1', 'images', removalsOf(each.numbers.map(pointIdOf)))
              for (const removed of each.numbers) reference.delete(pointIdOf(removed))
            } else if (each.type === 'search') {
              await compare(index, reference, each)
            } else if (each.type === 'settle') {
              await index.settled()
            } else {
              await index.close()
              index = open()
            }
          }
          expect(await index.generations()).toMatchObject([{ counts: { images: reference.size } }])
        } finally {
          await index.close()
          await rm(folder, { recursive: true })
        }
      }),
      { numRuns: 30 },
    )
  }, 120_000)
})

type Search = { vector: Float32Array; colour: string | null; limit: number; offset: number; exact: boolean }

async function compare(
  index: EmbeddedIndex,
  reference: ReadonlyMap<string, { vector: Float32Array; colour: string }>,
  { colour: wanted, ...query }: Search,
): Promise<void> {
  const hits = await index.search('g1', 'images', {
    ...query,
    ...(wanted === null ? {} : { filter: { metadata: { colour: [wanted] } } }),
  })
  const scores = new Map(
    [...reference].flatMap(([id, point]) =>
      wanted === null || point.colour === wanted ? [[id, dot(point.vector, query.vector)] as const] : [],
    ),
  )
  // With so few points the graph, too, finds all the best. Points that are equally near may differ by a rounding, so scores are compared.
  const ranking = [...scores.values()].sort((a, b) => b - a).slice(query.offset, query.offset + query.limit)
  expect(hits.map(({ score }) => score)).toEqual(ranking.map((score) => expect.closeTo(score, 5) as number))
  expect(hits.map(({ id }) => scores.get(id))).toEqual(ranking.map((score) => expect.closeTo(score, 5) as number))
  expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length)
  for (const [rank, hit] of hits.entries()) {
    const next = hits[rank + 1]
    if (next?.score === hit.score) expect(hit.id < next.id).toBe(true)
  }
}
