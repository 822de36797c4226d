import { describe, expect, it } from 'vitest'
import type { Filter, Point, VectorIndex } from '../../src/ports/vector-index.ts'
import { pointIdOf, pointOf, removalsOf } from '../fixtures/points.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { along, generation, idsOf, type IndexHarness } from './vector-index-harness.ts'

const captionOf = (number: number, caption: string, overrides: Partial<Point['payload']> = {}): Point =>
  pointOf(number, along(1, 0), { captions: [caption], ...overrides })

/** What a search by words finds, in which order. */
export function wordsContract({ fresh, openAt }: IndexHarness): void {
  /** An index whose caption points hold these captions, numbered from 0. */
  const indexOf = async (...captions: readonly string[]): Promise<VectorIndex> => {
    const index = await fresh()
    await index.upsert(
      generation,
      'captions',
      captions.map((caption, number) => captionOf(number, caption)),
    )
    return index
  }
  /** The numbers of the captions that are found, best first. */
  const found = async (index: VectorIndex, words: string, filter?: Filter): Promise<number[]> => {
    const hits = await index.searchWords(generation, { words, limit: 100, ...(filter === undefined ? {} : { filter }) })
    const numbers = new Map(Array.from({ length: 200 }, (_, number) => [pointIdOf(number), number]))
    return hits.map(({ id }) => numbers.get(id) ?? -1)
  }

  describe('search by words', () => {
    it('finds captions that hold any of the words, rare words and short captions first, with payload and score', async () => {
      const index = await indexOf(
        'a dog on a beach',
        'a dog in the snow near a house behind a fence in the mountains',
        'a dog',
        'a zebra on a beach',
        'a cat',
        'a house',
        'a boat',
        'a car',
        'a tree',
      )
      expect((await found(index, 'dog')).slice(0, 2)).toEqual([2, 0])
      expect((await found(index, 'dog zebra')).slice(0, 2)).toEqual([3, 2])
      expect(await found(index, 'giraffe boat')).toEqual([6])
      expect(await found(index, 'giraffe')).toEqual([])
      const hits = await index.searchWords(generation, { words: 'zebra beach', limit: 10 })
      expect(hits[0]).toEqual({
        id: pointIdOf(3),
        score: expect.any(Number) as number,
        payload: captionOf(3, 'a zebra on a beach').payload,
      })
      const scores = hits.map(({ score }) => score)
      expect(scores).toEqual(scores.toSorted((a, b) => b - a))
      expect(Math.min(...scores)).toBeGreaterThan(0)
    })

    it('takes words for the same whatever their case, accents and English endings', async () => {
      const index = await indexOf(
        'Un Café naïve',
        'Eine lange Straße',
        'Ёжик в ТУМАНЕ',
        'Ελλάδα, ΟΔΟΣ',
        'two dogs running',
        'हिन्दी शब्द',
        '雪の中の猫',
        'number 42',
      )
      const same: readonly [number, ...string[]][] = [
        [0, 'cafe', 'CAFÉ', 'cafe\u0301', 'naive', 'NAÏVE'],
        [1, 'straße', 'STRASSE', 'strasse'],
        [2, 'ежик', 'туман туманЕ'],
        [3, 'ελλαδα', 'Ελλάδα', 'οδος', 'οδός'],
        [4, 'dog', 'runs', 'Dogs!'],
        [5, 'हिन्दी', 'शब्द'],
        [6, '猫', '雪'],
        [7, '42', 'NUMBERS'],
      ]
      for (const [number, ...queries] of same) {
        for (const words of queries)
          expect({ words, found: await found(index, words) }).toEqual({ words, found: [number] })
      }
      expect(await found(index, 'caf')).toEqual([])
    })

    it('takes operators for words, and nothing for nothing', async () => {
      const index = await indexOf('cats and dogs', 'near the sea')
      const queries = [
        '"dogs" OR (',
        'dogs*',
        'words:dogs',
        '-dogs',
        'dogs^2',
        'NOT dogs',
        '{dogs}',
        "dogs'; --",
        '+dogs~',
      ]
      for (const words of queries) expect(await found(index, words)).toContain(0)
      expect(await found(index, 'NEAR(sea)')).toEqual([1])
      expect(await found(index, 'NEAR/2 boat')).toEqual([1])
      expect(await found(index, 'do*')).toEqual([])
      for (const words of ['', ' ', '*', '"', '(', '-', '\u0000', '!?']) expect(await found(index, words)).toEqual([])
      expect(await found(index, `${Array.from({ length: 500 }, (_, i) => `word${i}`).join(' ')} sea`)).toEqual([1])
    })

    it('cuts pages out of one ranking, ties by id', async () => {
      const index = await indexOf(
        ...Array.from({ length: 60 }, (_, number) => (number === 7 ? 'dog dog' : number < 40 ? 'a dog' : 'a cat')),
      )
      const tied = Array.from({ length: 40 }, (_, number) => number).filter((number) => number !== 7)
      const expected = [pointIdOf(7), ...tied.map(pointIdOf).sort()]
      const search = async (limit: number, offset?: number) =>
        idsOf(await index.searchWords(generation, { words: 'dog', limit, ...(offset === undefined ? {} : { offset }) }))
      expect(await search(100)).toEqual(expected)
      expect(await search(Number.MAX_SAFE_INTEGER)).toEqual(expected)
      const pages: string[] = []
      for (let offset = 0; offset < 45; offset += 9) pages.push(...(await search(9, offset)))
      expect(pages).toEqual(expected)
      expect(await search(0)).toEqual([])
      expect(await search(5, 40)).toEqual([])
      for (const page of [{ limit: -1 }, { limit: 1.5 }, { limit: 5, offset: -1 }]) {
        await expect(index.searchWords(generation, { words: 'dog', ...page })).rejects.toMatchObject({
          code: 'invalid-request',
        })
      }
    })

    it('finds only what a filter lets through, by the newest payload', async () => {
      const index = await fresh()
      const colours = ['red', 'green', 'blue']
      await index.upsert(
        generation,
        'captions',
        Array.from({ length: 12 }, (_, number) =>
          captionOf(number, number < 9 ? 'a dog' : 'a cat', {
            split: number % 2 === 0 ? 'train' : 'test',
            metadata: { colour: colours[number % 3] ?? '', 'shop "A".né': 'x' },
          }),
        ),
      )
      const sorted = async (filter: Filter) => (await found(index, 'dog', filter)).sort((a, b) => a - b)
      expect(await sorted({ splits: ['test'] })).toEqual([1, 3, 5, 7])
      expect(await sorted({ metadata: { colour: ['red', 'blue'] } })).toEqual([0, 2, 3, 5, 6, 8])
      expect(await sorted({ splits: ['train'], metadata: { colour: ['red'], 'shop "A".né': ['x', 'y'] } })).toEqual([
        0, 6,
      ])
      const nothings: Filter[] = [{ splits: [] }, { metadata: { colour: [] } }, { metadata: { unknown: ['red'] } }]
      for (const nothing of nothings) expect(await found(index, 'dog', nothing)).toEqual([])
      await index.upsert(generation, 'captions', [captionOf(0, 'a dog', { metadata: { colour: 'green' } })])
      expect(await sorted({ metadata: { colour: ['red'] } })).toEqual([3, 6])
    })

    it('forgets the words of a caption that is replaced or removed', async () => {
      const index = await indexOf('a zebra', 'a horse', 'a cow', '!?')
      await index.upsert(generation, 'captions', [captionOf(0, 'a giraffe'), captionOf(3, 'a goat')])
      await index.upsert(generation, 'captions', [pointOf(1, along(0, 1), { captions: ['a sheep'] })])
      await index.upsert(generation, 'captions', [captionOf(0, 'a giraffe')])
      expect(await found(index, 'zebra horse')).toEqual([])
      expect(await found(index, 'giraffe')).toEqual([0])
      expect(await found(index, 'sheep')).toEqual([1])
      expect(await found(index, 'goat')).toEqual([3])
      await index.upsert(generation, 'captions', [captionOf(3, '…')])
      expect(await found(index, 'goat')).toEqual([])
      await index.remove(generation, 'captions', removalsOf([pointIdOf(0)]))
      expect(await found(index, 'giraffe')).toEqual([])
      expect(await index.points(generation, 'captions', [pointIdOf(2)])).toEqual([captionOf(2, 'a cow')])
      const near = await index.search(generation, 'captions', { vector: along(0, 1), limit: 1 })
      expect(idsOf(near)).toEqual([pointIdOf(1)])
    })

    it('keeps to the captions of its generation, across a restart, and says which is missing', async () => {
      const place = await temporaryFolder()
      const first = await openAt(place)
      for (const name of ['g1', 'g2']) {
        await first.create(name, 2)
        await first.upsert(name, 'images', [captionOf(1, 'a dog')])
      }
      await first.upsert('g1', 'captions', [captionOf(2, 'a dog'), captionOf(3, 'a cat')])
      await first.upsert('g2', 'captions', [captionOf(4, 'a dog'), captionOf(5, 'a cow')])
      await first.close()
      const index = await openAt(place)
      expect(await found(index, 'dog')).toEqual([2])
      expect(idsOf(await index.searchWords('g2', { words: 'dog', limit: 5 }))).toEqual([pointIdOf(4)])
      await index.drop('g1')
      const missing = { code: 'generation-not-found' }
      for (const name of ['g1', 'g9'])
        await expect(index.searchWords(name, { words: 'dog', limit: 5 })).rejects.toMatchObject(missing)
      await index.create('g1', 2)
      expect(await found(index, 'dog')).toEqual([])
    })
  })
}
