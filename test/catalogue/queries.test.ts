import { describe, expect, it, vi } from 'vitest'
import { drawSplit } from '../../src/core/split.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { harness, publication, tombstoneOf } from './catalogue-harness.ts'

async function catalogueOf(...captions: readonly string[]) {
  const { log, follow } = await harness()
  const { catalogue } = await follow()
  await log.append(
    captions.map((caption, i) =>
      publication(
        pairEvent(`image ${i}`, caption, {
          split: i % 2 === 0 ? 'train' : 'test',
          metadata: { place: i < 2 ? 'beach' : 'park' },
        }),
      ),
    ),
  )
  await catalogue.caughtUp(log)
  const found = (query: string, ...rest: [limit?: number, offset?: number]) =>
    catalogue.searchText(query, rest[0] ?? 10, rest[1] ?? 0).map(({ caption }) => caption)
  return { catalogue, found }
}

describe('full text over captions', () => {
  it('finds words in any form, the better match first', async () => {
    const { catalogue, found } = await catalogueOf('a dog running', 'two dogs run and run', 'a cat')
    expect(found('run').sort()).toEqual(['a dog running', 'two dogs run and run'])
    expect(found('cats')).toEqual(['a cat'])
    const hits = catalogue.searchText('dog running cat', 10, 0)
    expect(hits).toHaveLength(3)
    expect([...hits].sort((a, b) => b.score - a.score)).toEqual(hits)
  })

  it('finds with and without diacritics, composed and decomposed', async () => {
    const { found } = await catalogueOf('un café naïve', 'Äpfel und Öl')
    for (const query of ['cafe', 'café', 'cafe\u0301', 'CAFÉ', 'nai\u0308ve', 'naive'])
      expect(found(query)).toEqual(['un café naïve'])
    expect(found('apfel')).toEqual(['Äpfel und Öl'])
    expect(found('öl')).toEqual(['Äpfel und Öl'])
  })

  it('takes operators for words, and nothing for nothing', async () => {
    const { found } = await catalogueOf('cats and dogs', 'near the sea')
    for (const query of [
      'dogs AND',
      '"dogs',
      'dogs*',
      'caption:dogs',
      '-dogs',
      '(dogs',
      'dogs^',
      'dogs NOT cats',
      '{dogs}',
      "dogs'; --",
    ]) {
      expect(found(query)).toContain('cats and dogs')
    }
    expect(found('NEAR(sea)')).toEqual(['near the sea'])
    expect(found('do*')).toEqual([])
    for (const query of ['', ' ', '*', '"', '\u0000', '!?']) expect(found(query)).toEqual([])
    expect(found(Array.from({ length: 3_000 }, (_, i) => `word${i}`).join(' ') + ' sea')).toEqual(['near the sea'])
  })

  it('filters by set and metadata, whatever the names are', async () => {
    const { catalogue } = await catalogueOf('dog 0', 'dog 1', 'dog 2', 'dog 3')
    const found = (filter: Parameters<typeof catalogue.searchText>[3]) =>
      catalogue
        .searchText('dog', 10, 0, filter)
        .map(({ caption }) => caption)
        .sort()
    expect(found({ splits: ['test'] })).toEqual(['dog 1', 'dog 3'])
    expect(found({ metadata: { place: ['beach'] } })).toEqual(['dog 0', 'dog 1'])
    expect(found({ splits: ['train'], metadata: { place: ['park', 'beach'] } })).toEqual(['dog 0', 'dog 2'])
    expect(found({ splits: [] })).toEqual([])
    expect(found({ metadata: { "place' OR 1=1 --": ['x'] } })).toEqual([])
  })

  it('compiles one statement however many values a filter has', async () => {
    const { log, follow } = await harness()
    const { catalogue, database } = await follow()
    await catalogue.caughtUp(log)
    const texts = new Set<string>()
    const prepare = database.prepare.bind(database)
    vi.spyOn(database, 'prepare').mockImplementation((sql) => {
      texts.add(sql)
      return prepare(sql)
    })
    for (const count of [1, 2, 50]) {
      const values = Array.from({ length: count }, (_, i) => `value ${i}`)
      catalogue.searchText('dog', 10, 0, { splits: Array.from(values, () => 'test' as const), metadata: { values } })
    }
    expect(texts.size).toBe(1)
  })

  it('pages without gaps and repeats', async () => {
    const { found } = await catalogueOf(...Array.from({ length: 25 }, () => 'the same dog'), 'a cat')
    const { catalogue } = await catalogueOf(...Array.from({ length: 25 }, (_, i) => `the same dog ${i}`))
    const pages = [0, 10, 20, 30].map((offset) => catalogue.searchText('dog', 10, offset).map(({ pairId }) => pairId))
    expect(pages.map((page) => page.length)).toEqual([10, 10, 5, 0])
    expect(new Set(pages.flat()).size).toBe(25)
    expect(found('dog', 3, 24)).toHaveLength(1)
  })
})

describe('the reads of the catalogue', () => {
  it('walks more pairs than one page holds, ordered', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const events = Array.from({ length: 5_000 }, (_, i) =>
      pairEvent(`image ${i % 700}`, `caption ${i}`, { split: null }),
    )
    await log.append(events.map(publication))
    await catalogue.caughtUp(log)
    const pairs = [...catalogue.livePairs()]
    expect(pairs.map(({ pairId }) => pairId)).toEqual(events.map(({ pairId }) => pairId).sort())
    expect([...catalogue.liveImageIds()]).toEqual([...new Set(events.map(({ imageId }) => imageId))].sort())
    expect(pairs.every(({ imageId, split }) => split === drawSplit(imageId))).toBe(true)
    expect(catalogue.counts()).toMatchObject({
      images: 700,
      pairs: 5_000,
      counted: pairs.filter(({ split }) => split === 'train').length,
    })
  })

  it('gives the pairs of one split, as the walk over all does', async () => {
    const { catalogue } = await catalogueOf('dog 0', 'dog 1', 'dog 2', 'dog 3')
    for (const split of ['train', 'test', 'fresh'] as const) {
      expect(catalogue.livePairsOf(split)).toEqual([...catalogue.livePairs()].filter((pair) => pair.split === split))
    }
    expect(catalogue.livePairsOf('test')).toHaveLength(2)
  })

  it('tells which of many ids are live', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const [kept, gone, unknown] = [pairEvent('one', 'a'), pairEvent('two', 'b'), pairEvent('three', 'c')]
    await log.append([publication(kept), publication(gone), tombstoneOf(gone)])
    await catalogue.caughtUp(log)
    const events = [kept, gone, unknown]
    const images = events.map(({ imageId }) => imageId)
    const captions = events.map(({ pairId }) => pairId)
    expect(catalogue.liveAmong('images', images)).toEqual(new Set([kept.imageId]))
    expect(catalogue.liveAmong('captions', captions)).toEqual(new Set([kept.pairId]))
    expect(catalogue.liveAmong('captions', [])).toEqual(new Set())
  })

  it('knows images and pairs that are not there as absent', async () => {
    const { follow } = await harness()
    const { catalogue } = await follow()
    const { imageId, pairId } = pairEvent('one', 'a dog')
    expect(catalogue.image(imageId)).toBeNull()
    expect(catalogue.pair(pairId)).toBeNull()
    expect(catalogue.images([imageId]).size).toBe(0)
    expect(catalogue.pairsOfImage(imageId)).toEqual([])
    expect(catalogue.isErased(pairId)).toBe(false)
  })

  it('gives the captions of an image in the order of publication, and erased pairs only as such', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const events = ['c', 'a', 'b'].map((caption) => pairEvent('one', caption))
    const [first] = events
    await log.append([...events.map(publication), { ...publication(events[1] ?? pairEvent('', '')), value: null }])
    await catalogue.caughtUp(log)
    expect(catalogue.image(first?.imageId ?? '')?.captions.map(({ caption }) => caption)).toEqual(['c', 'b'])
    expect(catalogue.pairsOfImage(first?.imageId ?? '').map(({ caption, erased }) => [caption, erased])).toEqual([
      ['c', false],
      [null, true],
      ['b', false],
    ])
  })

  it('names the newest record of what is live of an image, captioned or not, published again or erased', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const [first, second, bare] = [pairEvent('one', 'a'), pairEvent('one', 'b'), pairEvent('one', null)]
    const after = async (...records: Parameters<typeof log.append>[0]) => {
      const positions = await log.append(records)
      await catalogue.caughtUp(log)
      return { newest: catalogue.image(first.imageId)?.newestOffset, last: positions.at(-1)?.offset }
    }
    for (const event of [first, second, bare, first]) {
      const { newest, last } = await after(publication(event))
      expect(newest).toBe(last)
    }
    const { newest, last = 0 } = await after(tombstoneOf(first))
    expect(newest).toBe(last - 2)
    expect(newest).toBe(catalogue.pair(bare.pairId)?.position.offset)
    expect((await after(tombstoneOf(bare))).newest).toBe(catalogue.pair(second.pairId)?.position.offset)
  })
})
