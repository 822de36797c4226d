import { describe, expect, it } from 'vitest'
import { cacheKey, createSearchCache } from '../../src/api/search-cache.ts'
import type { SearchRelease, SearchRequest, SearchResult } from '../../src/api/search-types.ts'
import { rangeOf } from '../../src/core/value-range.ts'
import { request } from './fixtures/search-request.ts'

const result = (changes: Partial<SearchResult> = {}): SearchResult => ({
  hits: [],
  noMatch: null,
  relevanceThreshold: null,
  release: null,
  modelVersion: null,
  generation: null,
  reranked: null,
  cached: false,
  stages: { encode: 1, search: 2, join: 3, rerank: 0, total: 6 },
  tookMs: 6,
  ...changes,
})

function listened(most?: number) {
  const listeners = new Set<() => void>()
  const looks: string[] = []
  const cache = createSearchCache({
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onLookedUp: (outcome) => looks.push(outcome),
    ...(most === undefined ? {} : { most }),
  })
  const change = () => {
    for (const listener of listeners) listener()
  }
  return { cache, change, looks, listeners }
}

describe('the cache of answers', () => {
  it('gives what was found again, as what it is', async () => {
    const { cache, looks } = listened()
    const runs: string[] = []
    const ask = (key: string | null) => cache.answer(key, async () => (runs.push(key ?? ''), result()))
    expect(await ask('a')).toEqual(result())
    const again = await ask('a')
    expect(again).toMatchObject({ cached: true, stages: { encode: 0, search: 0, join: 0, rerank: 0 } })
    expect(again.stages.total).toBe(again.tookMs)
    await ask('b')
    await ask(null)
    await ask(null)
    expect(runs).toEqual(['a', 'b', '', ''])
    expect(looks).toEqual(['miss', 'hit', 'miss'])
  })

  it('forgets all with the first change, and what was found across one', async () => {
    const { cache, change } = listened()
    let runs = 0
    const ask = (during: () => void = () => undefined) =>
      cache.answer('a', async () => {
        during()
        return result({ modelVersion: String(runs++) })
      })
    await ask()
    change()
    expect((await ask()).modelVersion).toBe('1')
    expect((await ask()).cached).toBe(true)
    change()
    expect((await ask(change)).modelVersion).toBe('2')
    expect((await ask()).modelVersion).toBe('3')
  })

  it('keeps neither failures nor what was not put into order', async () => {
    const { cache } = listened()
    await expect(cache.answer('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    const failure = { code: 'not-ready', detail: 'busy' }
    const unordered = result({ reranked: { hits: 0, modelVersion: null, scale: null, failure } })
    expect(await cache.answer('a', async () => unordered)).toBe(unordered)
    expect((await cache.answer('a', async () => result())).cached).toBe(false)
  })

  it('is bounded: what was asked for longest ago leaves first, and what is too large is not kept', async () => {
    const { cache } = listened(30)
    const key = (name: string): string => name.repeat(10)
    for (const name of ['a', 'b', 'c', 'a', 'd']) await cache.answer(key(name), async () => result())
    const isKept = async (name: string) => (await cache.answer(key(name), async () => result())).cached
    expect(await isKept('a')).toBe(true)
    expect(await isKept('c')).toBe(true)
    expect(await isKept('b')).toBe(false)
    const large = 'x'.repeat(31)
    await cache.answer(large, async () => result())
    expect((await cache.answer(large, async () => result())).cached).toBe(false)
  })

  it('listens no more once it is closed', () => {
    const { cache, listeners } = listened()
    expect(listeners.size).toBe(1)
    cache.close()
    expect(listeners.size).toBe(0)
  })
})

describe('the key of an answer', () => {
  const release: SearchRelease = { releaseId: 'r1', modelVersion: 'm1', generation: 'g1' }
  const key = (changes: Partial<SearchRequest> = {}, under: SearchRelease | null = release, at: number | null = 1) =>
    cacheKey(request(changes), under, at)

  it('is one for what is the same search', () => {
    const same: Partial<SearchRequest>[] = [
      { input: { kind: 'text', text: '  red \n ' } },
      { rerank: 0, group: false, not: undefined },
    ]
    for (const changes of same) expect(key(changes)).toBe(key())
    const filters: SearchRequest['filter'][] = [
      { metadata: { a: ['1'], b: ['2'] }, splits: ['train', 'test'] },
      { splits: ['test', 'train'], metadata: { b: ['2'], a: ['1'] } },
    ]
    expect(new Set(filters.map((filter) => key({ filter }))).size).toBe(1)
  })

  it('differs for every other search, release and fit', () => {
    const picture = { kind: 'image', imageId: 'i' } as const
    const keys = [
      key(),
      key({}, null),
      key({}, { ...release, releaseId: 'r2' }),
      key({}, release, 2),
      key({}, release, null),
      ...[
        { input: { kind: 'text', text: 'Red' } } as const,
        { input: picture },
        { input: { kind: 'both', text: 'a dog', picture, textWeight: 0.5 } } as const,
        { input: { kind: 'both', text: 'a dog', picture, textWeight: 0.6 } } as const,
        { not: 'a cat' },
        { target: 'captions' } as const,
        { mode: 'text' } as const,
        { mode: 'hybrid' } as const,
        { limit: 11 },
        { offset: 1 },
        { rerank: 5 },
        { minRelevance: 0 },
        { minRelevance: 'auto' } as const,
        { group: true },
        { filter: { splits: ['train'] } } as const,
        { filter: { metadata: { a: ['1'] } } },
        { filter: { metadata: { a: ['2'] } } },
        { filter: { ranges: { a: rangeOf({ gte: 1 }) } } },
        { filter: { ranges: { a: rangeOf({ gt: 1 }) } } },
      ].map((changes) => key(changes)),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys).not.toContain(null)
  })

  it('is none where a picture or an embedding is sent, and for no search', () => {
    const bytes = new Uint8Array([1])
    const inputs: SearchRequest['input'][] = [
      { kind: 'picture', bytes },
      { kind: 'embedding', embedding: [1] },
      { kind: 'both', text: 'a', picture: { kind: 'picture', bytes }, textWeight: 0.5 },
      { kind: 'text', text: ' ' },
    ]
    for (const input of inputs) expect(key({ input })).toBeNull()
  })
})
