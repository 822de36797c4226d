import { describe, expect, it } from 'vitest'
import type { SearchRequest } from '../../src/api/search-types.ts'
import { AppError } from '../../src/core/errors.ts'
import { rangeOf } from '../../src/core/value-range.ts'
import { dot, normalise } from '../../src/core/vector.ts'
import { createColourEncoder, picture } from './fixtures/colour-encoder.ts'
import { runningApi } from './fixtures/running-api.ts'
import { request } from './fixtures/search-request.ts'

async function fourColours() {
  const api = await runningApi()
  const red = await api.publish('red', 'a dog in a red coat', { metadata: { year: '2019', taken: '2024-06-30' } })
  const blue = await api.publish('blue', 'the blue sea', { metadata: { year: '2021', taken: '2024-07-02T08:00:00Z' } })
  const green = await api.publish('green', 'a dog on a green meadow', { metadata: { year: 'unknown' } })
  const white = await api.publish('white', 'a boat')
  await api.release('m-1', 'g1')
  const found = async (changes: Partial<SearchRequest>) =>
    (await api.search.search(request(changes))).hits.map((hit) => hit.imageId)
  return { ...api, red, blue, green, white, found }
}

describe('a search by meaning', () => {
  it('moves away from what is not wanted', async () => {
    const { search, found, red, blue } = await fourColours()
    const both = { input: { kind: 'text', text: 'red blue' } } as const
    expect(new Set((await found(both)).slice(0, 2))).toEqual(new Set([red.imageId, blue.imageId]))
    expect((await found({ ...both, not: ' Red ' }))[0]).toBe(blue.imageId)
    expect((await found({ ...both, not: 'blue' }))[0]).toBe(red.imageId)

    const [wanted = new Float32Array(), unwanted = new Float32Array()] = await createColourEncoder('m-1').encodeTexts([
      'red blue',
      'red',
    ])
    const moved = normalise(wanted.map((value, i) => value - 0.5 * (unwanted[i] ?? 0)))
    const { hits } = await search.search(request({ ...both, not: 'red' }))
    for (const { imageId, score } of hits) {
      const colour = imageId === red.imageId ? 'red' : imageId === blue.imageId ? 'blue' : null
      if (colour === null) continue
      const [vector = new Float32Array()] = await createColourEncoder('m-1').encodeTexts([colour])
      expect(score).toBeCloseTo(dot(moved, vector), 5)
    }
  })

  it('takes a text with a picture, sent or known, and weighs them', async () => {
    const { found, red, blue } = await fourColours()
    const bytes = await picture('red', 7)
    const input = (textWeight: number) =>
      ({ kind: 'both', text: 'blue', picture: { kind: 'picture', bytes }, textWeight }) as const
    expect(new Set((await found({ input: input(0.5) })).slice(0, 2))).toEqual(new Set([red.imageId, blue.imageId]))
    expect((await found({ input: input(0.8) }))[0]).toBe(blue.imageId)
    expect((await found({ input: input(0.2) }))[0]).toBe(red.imageId)
    const known = {
      kind: 'both',
      text: 'blue',
      picture: { kind: 'image', imageId: red.imageId },
      textWeight: 0.5,
    } as const
    const [first, ...others] = await found({ input: known })
    expect(first).toBe(blue.imageId)
    expect(others).not.toContain(red.imageId)
  })

  it('takes what lies in ranges, by what the catalogue says now', async () => {
    const { found, red, blue, index, publish, indexed } = await fourColours()
    for (const mode of ['vector', 'text', 'hybrid'] as const) {
      const input = { kind: 'text', text: 'red dog blue sea green boat' } as const
      const within = async (filter: SearchRequest['filter']) => new Set(await found({ input, mode, filter }))
      expect(await within({ ranges: { year: rangeOf({ gte: 2020 }) } })).toEqual(new Set([blue.imageId]))
      expect(await within({ ranges: { year: rangeOf({ lt: 2021 }) } })).toEqual(new Set([red.imageId]))
      expect(await within({ ranges: { taken: rangeOf({ lte: '2024-06-30' }) } })).toEqual(new Set([red.imageId]))
      expect(await within({ ranges: { year: rangeOf({ gte: 0 }) }, metadata: { year: ['2021'] } })).toEqual(
        new Set([blue.imageId]),
      )
    }
    // An index that has not seen the newest metadata.
    Object.assign(index, { upsert: async () => undefined })
    await publish('red', 'a dog', { metadata: { year: '1999' } })
    await indexed('g1')
    expect(await found({ filter: { ranges: { year: rangeOf({ gte: 2019, lt: 2021 }) } } })).toEqual([])
  })
})

describe('a hybrid search', () => {
  it('fuses the ranks of meanings and words, for pictures and captions', async () => {
    const { search, found, red, green } = await fourColours()
    const input = { kind: 'text', text: 'red dog' } as const
    const images = await search.search(request({ input, mode: 'hybrid' }))
    // Both have a dog; red is nearest by meaning as well.
    expect(images.hits.map((hit) => hit.imageId).slice(0, 2)).toEqual([red.imageId, green.imageId])
    expect(images.hits).toHaveLength(4)
    expect(images.hits[0]).toMatchObject({ score: 1 / 61 + 1 / 61, relevance: null, pairId: null })
    expect(images).toMatchObject({ noMatch: null, relevanceThreshold: null, generation: 'g1' })
    const [caption] = (await search.search(request({ input, mode: 'hybrid', target: 'captions' }))).hits
    expect(caption).toMatchObject({ pairId: red.pairId, caption: 'a dog in a red coat', score: 1 / 61 + 1 / 61 })
    expect((await found({ input: { kind: 'text', text: 'zebra' }, mode: 'hybrid' })).length).toBe(4)
  })

  it('cuts pages out of one ranking, each hit once', async () => {
    const { publish, release, search } = await runningApi()
    for (let variant = 0; variant < 25; variant++) {
      await publish(variant % 2 === 0 ? 'red' : 'blue', variant % 3 === 0 ? `a red dog ${variant}` : 'a cat', {
        variant,
      })
    }
    await release('m-1', 'g1')
    const input = { kind: 'text', text: 'red dog' } as const
    const page = async (limit: number, offset: number) =>
      (await search.search(request({ input, mode: 'hybrid', limit, offset }))).hits.map((hit) => hit.imageId)
    const whole = await page(100, 0)
    expect(whole).toHaveLength(25)
    const pages: string[] = []
    for (let offset = 0; offset < 30; offset += 4) pages.push(...(await page(4, offset)))
    expect(pages).toEqual(whole)
  })

  it('never returns what is erased, though the index has not seen it', async () => {
    const { search, index, erase, catalogue, log, red, green } = await fourColours()
    Object.assign(index, { remove: async () => undefined })
    await erase(red.pairId, 'test')
    await catalogue.caughtUp(log)
    const input = { kind: 'text', text: 'red dog' } as const
    for (const target of ['images', 'captions'] as const) {
      const { hits } = await search.search(request({ input, mode: 'hybrid', target }))
      expect(hits.map((hit) => hit.imageId)).not.toContain(red.imageId)
      expect(hits[0]?.imageId).toBe(green.imageId)
    }
  })
})

describe('what does not go together', () => {
  it.each<[Partial<SearchRequest>, RegExp]>([
    [{ not: 'blue', mode: 'text' }, /"not"/],
    [{ not: 'blue', mode: 'hybrid' }, /"not"/],
    [{ not: '  ' }, /query is empty/],
    [{ input: { kind: 'embedding', embedding: [1] }, mode: 'hybrid' }, /"hybrid" compares words/],
    [{ mode: 'hybrid', minRelevance: 0.5 }, /"minRelevance"/],
    [{ target: 'captions', minRelevance: 'auto' }, /"minRelevance"/],
    [{ not: 'blue', minRelevance: 0 }, /"minRelevance"/],
    [{ target: 'captions', group: true }, /"group"/],
  ])('is refused: %j', async (changes, message) => {
    const { search } = await fourColours()
    const refused = expect(search.search(request(changes))).rejects
    await refused.toMatchObject({ code: 'invalid-request', message: expect.stringMatching(message) as string })
  })
})

describe('several searches at once', () => {
  it('answer as each alone does, in order, their texts encoded in one run', async () => {
    const { search, encoded, red } = await fourColours()
    const requests = [
      request({}),
      request({ input: { kind: 'text', text: 'blue' }, not: 'red', limit: 2 }),
      request({ input: { kind: 'text', text: 'dog' }, mode: 'text' }),
      request({ input: { kind: 'image', imageId: red.imageId } }),
      request({ input: { kind: 'text', text: 'green' }, mode: 'hybrid' }),
      request({}),
    ]
    const alone = []
    for (const each of requests) alone.push((await search.search(each)).hits)
    encoded.length = 0
    const together = await search.searchAll(requests)
    expect(together.map((result) => (result instanceof AppError ? result : result.hits))).toEqual(alone)
    expect(encoded).toEqual([['red', 'blue', 'green']])
  })

  it('have their own problems', async () => {
    const { search, white } = await fourColours()
    const results = await search.searchAll([
      request({ input: { kind: 'text', text: ' ' } }),
      request({ input: { kind: 'image', imageId: white.pairId } }),
      request({ mode: 'text', not: 'x' }),
      request({}),
    ])
    expect(results.map((result) => (result instanceof AppError ? result.code : result.hits.length))).toEqual([
      'invalid-request',
      'image-not-found',
      'invalid-request',
      4,
    ])
  })

  it('take one search of the index each', async () => {
    const { search, index, encoded } = await fourColours()
    let searches = 0
    const original = index.search.bind(index)
    Object.assign(index, { search: (...words: Parameters<typeof original>) => (searches++, original(...words)) })
    encoded.length = 0
    const count = 80
    const texts = Array.from({ length: count }, (_, i) => request({ input: { kind: 'text', text: `red ${i}` } }))
    const results = await search.searchAll(texts)
    expect(results.every((result) => !(result instanceof AppError) && result.hits.length === 4)).toBe(true)
    expect({ searches, runs: encoded.length }).toEqual({ searches: count, runs: 1 })
  })

  it('answer words, and say what is missing for meanings, without a model', async () => {
    const { search, publish, catalogue, log } = await runningApi()
    await publish('red', 'a red dog')
    await catalogue.caughtUp(log)
    const results = await search.searchAll([request({ mode: 'text' }), request({})])
    expect(results[0]).toMatchObject({ release: null, hits: [{ captions: [{ caption: 'a red dog' }] }] })
    expect(results[1]).toMatchObject({ code: 'no-model' })
  })
})
