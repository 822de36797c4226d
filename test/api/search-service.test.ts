import { expect, it, onTestFinished, vi } from 'vitest'
import type { SearchRequest } from '../../src/api/search-types.ts'
import { AppError } from '../../src/core/errors.ts'
import { removalsOf } from '../fixtures/points.ts'
import { createColourEncoder, picture } from './fixtures/colour-encoder.ts'
import { runningApi } from './fixtures/running-api.ts'
import { request } from './fixtures/search-request.ts'

async function threeColours() {
  const api = await runningApi()
  const red = await api.publish('red', 'a red square', { metadata: { album: 'warm' } })
  const green = await api.publish('green', 'a green meadow', { split: 'validation' })
  const blue = await api.publish('blue', 'the blue sea', { metadata: { album: 'cold' } })
  await api.release('m-1', 'g1')
  return { ...api, red, green, blue }
}

it('finds by text, picture, embedding and picture id, each hit with everything that is known of it', async () => {
  const { search, red } = await threeColours()
  const [vector] = await createColourEncoder('m-1').encodeTexts(['red'])
  const inputs: SearchRequest['input'][] = [
    { kind: 'text', text: '  Red ' },
    { kind: 'picture', bytes: await picture('red', 5) },
    { kind: 'embedding', embedding: [...(vector ?? [])].map((x) => x * 7) },
  ]
  for (const input of inputs) {
    const { hits, ...facts } = await search.search(request({ input }))
    expect(facts).toMatchObject({ modelVersion: 'm-1', generation: 'g1' })
    expect(hits).toHaveLength(3)
    expect(hits[0]?.score).toBeCloseTo(1, 5)
    expect(hits[0]).toMatchObject({
      imageId: red.imageId,
      image: `/v1/images/${red.imageId}/content`,
      captions: [{ pairId: red.pairId, caption: 'a red square' }],
      pairId: null,
      caption: null,
      split: 'train',
      metadata: { album: 'warm' },
      modelVersion: 'm-1',
      generation: 'g1',
    })
  }
  const more = await search.search(request({ input: { kind: 'image', imageId: red.imageId } }))
  expect(more.hits).toHaveLength(2)
  expect(more.hits.map((hit) => hit.imageId)).not.toContain(red.imageId)
})

it('finds captions, for a picture its own first', async () => {
  const { search, blue } = await threeColours()
  const [hit] = (await search.search(request({ input: { kind: 'image', imageId: blue.imageId }, target: 'captions' })))
    .hits
  expect(hit).toMatchObject({ imageId: blue.imageId, pairId: blue.pairId, caption: 'the blue sea' })
})

it('takes only what passes the filter', async () => {
  const { search, red, green, blue } = await threeColours()
  const found = async (filter: SearchRequest['filter'], mode: SearchRequest['mode'] = 'vector') => {
    const input = { kind: 'text', text: 'a the red green blue' } as const
    return new Set((await search.search(request({ input, filter, mode }))).hits.map((hit) => hit.imageId))
  }
  for (const mode of ['vector', 'text'] as const) {
    expect(await found({ splits: ['validation'] }, mode)).toEqual(new Set([green.imageId]))
    expect(await found({ metadata: { album: ['warm', 'cold'] } }, mode)).toEqual(new Set([red.imageId, blue.imageId]))
    expect(await found({ splits: ['train'], metadata: { album: ['cold'] } }, mode)).toEqual(new Set([blue.imageId]))
  }
})

it('searches full text without a model, a picture once for all its captions', async () => {
  const { search, publish, catalogue, log } = await runningApi()
  const { imageId } = await publish('red', 'a dog on a red carpet')
  await publish('red', 'the dog sleeps')
  await publish('blue', 'a boat')
  await catalogue.caughtUp(log)
  const input = { kind: 'text', text: 'dog' } as const
  const images = await search.search(request({ input, mode: 'text' }))
  expect(images.hits.map((hit) => hit.imageId)).toEqual([imageId])
  expect(images).toMatchObject({ modelVersion: null, generation: null })
  const captions = await search.search(request({ input, mode: 'text', target: 'captions' }))
  expect(captions.hits.map((hit) => hit.caption).sort()).toEqual(['a dog on a red carpet', 'the dog sleeps'])
  await expect(search.search(request({ input }))).rejects.toMatchObject({ code: 'no-model' })
})

it('searches words in the index of the release, by which a caption is found once it is embedded', async () => {
  const { search, publish, release, index, erase, catalogue, log } = await runningApi()
  const red = await publish('red', 'a red dog', { metadata: { album: 'warm' } })
  await publish('red', 'the animal sleeps', { metadata: { album: 'warm' } })
  const blue = await publish('blue', 'two dogs at sea')
  await release('m-1', 'g1')
  const input = { kind: 'text', text: 'DOG' } as const
  const found = async (changes: Partial<SearchRequest> = {}) =>
    (await search.search(request({ input, mode: 'text', ...changes }))).hits
  expect(new Set((await found()).map((hit) => hit.imageId))).toEqual(new Set([red.imageId, blue.imageId]))
  const [caption, ...others] = await found({ target: 'captions', filter: { metadata: { album: ['warm'] } } })
  expect(caption).toMatchObject({ pairId: red.pairId, caption: 'a red dog', generation: 'g1', modelVersion: 'm-1' })
  expect(others).toEqual([])

  await index.remove('g1', 'captions', removalsOf([blue.pairId]))
  expect((await found()).map((hit) => hit.imageId)).toEqual([red.imageId])
  // An index that has not seen the erasure.
  Object.assign(index, { remove: async () => undefined })
  await erase(red.pairId, 'test')
  await catalogue.caughtUp(log)
  expect((await index.searchWords('g1', { words: 'dog', limit: 5 })).map(({ id }) => id)).toEqual([red.pairId])
  expect(await found({ target: 'captions' })).toEqual([])
  // Its picture lives on under its other caption.
  expect(await found()).toEqual([])
})

it('searches words in the catalogue while the index is away', async () => {
  const { search, publish, release, index } = await runningApi()
  const red = await publish('red', 'a red dog')
  await release('m-1', 'g1')
  const failing = (code: 'index-unavailable' | 'generation-not-found') =>
    Object.assign(index, { searchWords: () => Promise.reject(new AppError(code, 'test')) })
  failing('index-unavailable')
  const { hits, generation } = await search.search(request({ mode: 'text', target: 'captions' }))
  expect(hits.map((hit) => hit.pairId)).toEqual([red.pairId])
  expect(generation).toBe('g1')
  failing('generation-not-found')
  await expect(search.search(request({ mode: 'text' }))).rejects.toMatchObject({ code: 'generation-not-found' })
})

it('searches words in the catalogue when the index does not answer within two seconds', async () => {
  const { search, publish, release, index } = await runningApi()
  const red = await publish('red', 'a red dog')
  await release('m-1', 'g1')
  Object.assign(index, { searchWords: () => new Promise<never>(() => undefined) })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const searched = search.search(request({ mode: 'text', target: 'captions' }))
  await vi.advanceTimersByTimeAsync(2_000)
  expect((await searched).hits.map((hit) => hit.pairId)).toEqual([red.pairId])
})

it('never returns what is erased, and fills the page with what is alive', async () => {
  const { search, publish, release, erase, catalogue, log, index } = await runningApi()
  const pairs = []
  for (let variant = 0; variant < 30; variant++) pairs.push(await publish('red', `red ${variant}`, { variant }))
  await release('m-1', 'g1')
  // An index that has not seen the erasures, as that of a stalled worker: it does not remove anything.
  const stale = Object.assign(index, { remove: async () => undefined })
  const erased = pairs.filter((_, i) => i % 3 !== 0)
  for (const { pairId } of erased) await erase(pairId, 'test')
  await catalogue.caughtUp(log)
  expect((await stale.generations())[0]?.counts.images).toBe(30)

  const live = new Set(pairs.filter((_, i) => i % 3 === 0).map((pair) => pair.imageId))
  const first = await search.search(request({ limit: 6 }))
  const second = await search.search(request({ limit: 6, offset: 6 }))
  expect(first.hits).toHaveLength(6)
  expect(second.hits).toHaveLength(4)
  expect(new Set([...first.hits, ...second.hits].map((hit) => hit.imageId))).toEqual(live)
  const captions = await search.search(request({ target: 'captions', limit: 100 }))
  expect(new Set(captions.hits.map((hit) => hit.imageId))).toEqual(live)
})

it('refuses what cannot be searched for', async () => {
  const { search, red } = await threeColours()
  const refused = (input: SearchRequest['input'], mode: SearchRequest['mode'] = 'vector') =>
    expect(search.search(request({ input, mode }))).rejects
  await refused({ kind: 'text', text: '   ' }).toMatchObject({
    code: 'invalid-request',
    message: 'The query is empty.',
  })
  await refused({ kind: 'text', text: 'x'.repeat(2_001) }).toMatchObject({ code: 'invalid-request' })
  await refused({ kind: 'text', text: '\ud800' }).toMatchObject({ code: 'invalid-request' })
  await refused({ kind: 'embedding', embedding: [1, 2, 3] }).toMatchObject({ code: 'invalid-vector' })
  await refused({ kind: 'embedding', embedding: Array.from({ length: 64 }, () => 0) }).toMatchObject({
    code: 'invalid-vector',
  })
  await refused({ kind: 'embedding', embedding: Array.from({ length: 64 }, () => 1e300) }).toMatchObject({
    code: 'invalid-vector',
  })
  await refused({ kind: 'picture', bytes: new Uint8Array([1, 2]) }).toMatchObject({ code: 'image-unreadable' })
  await refused({ kind: 'image', imageId: red.pairId }).toMatchObject({ code: 'image-not-found' })
  await refused({ kind: 'image', imageId: red.imageId }, 'text').toMatchObject({ code: 'invalid-request' })
})

it('asks for patience where a picture is not embedded yet', async () => {
  const { search, publish, release, index } = await runningApi()
  const { imageId } = await publish('red', 'red')
  await release('m-1', 'g1')
  await index.remove('g1', 'images', removalsOf([imageId]))
  await expect(search.search(request({ input: { kind: 'image', imageId } }))).rejects.toMatchObject({
    code: 'not-ready',
  })
})
