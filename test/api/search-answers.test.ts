import { describe, expect, it } from 'vitest'
import type { SearchRequest } from '../../src/api/search-types.ts'
import { relevanceIn, type Calibration } from '../../src/core/relevance.ts'
import { almostTheSame } from './fixtures/near-duplicates.ts'
import { runningApi, type RunningApi } from './fixtures/running-api.ts'
import { request } from './fixtures/search-request.ts'

const calibration: Calibration = {
  modelVersion: 'm-1',
  generation: 'g1',
  images: 3,
  fittedAt: 1,
  model: { intercept: -4, scoreSlope: 8, shareSlope: 0.5, sharpness: 2 },
  threshold: 0.5,
  report: {
    queries: 0,
    images: 0,
    calibrationError: 0,
    calibrationErrorOfBest: 0,
    auroc: 1,
    aurocOfBest: 1,
    wronglyEmpty: 0,
    rightlyEmpty: 0,
    bins: [],
  },
}

async function threeColours() {
  const api = await runningApi()
  const red = await api.publish('red', 'a red square')
  const blue = await api.publish('blue', 'the blue sea')
  await api.publish('green', 'a green meadow')
  await api.release('m-1', 'g1')
  return { ...api, red, blue }
}

describe('relevance', () => {
  it('is what was fitted makes of the ranking, and says whether anything matches', async () => {
    const { search, calibrations, red } = await threeColours()
    const before = await search.search(request({}))
    expect(before).toMatchObject({ noMatch: null, relevanceThreshold: null })
    expect(before.hits.map(({ relevance }) => relevance)).toEqual([null, null, null])

    calibrations.set('g1', calibration)
    const found = await search.search(request({}))
    const relevance = relevanceIn(
      calibration.model,
      found.hits.map(({ score }) => score),
    )
    expect(found.hits.map((hit) => hit.relevance)).toEqual(found.hits.map(({ score }) => relevance(score)))
    expect(found).toMatchObject({ noMatch: false, relevanceThreshold: 0.5, hits: [{ imageId: red.imageId }, {}, {}] })
    const nothing = await search.search(request({ input: { kind: 'text', text: 'xylophone' } }))
    expect(nothing.noMatch).toBe(true)
    expect(nothing.hits).toHaveLength(3)
  })

  it('is not known where a filter has left only some, as it was fitted among all', async () => {
    const { search, calibrations } = await threeColours()
    calibrations.set('g1', calibration)
    const found = await search.search(request({ filter: { splits: ['train'] } }))
    expect(found.hits.map(({ relevance }) => relevance)).toEqual([null, null, null])
    expect(found).toMatchObject({ noMatch: null, relevanceThreshold: null })
    const wish = search.search(request({ filter: { splits: ['train'] }, minRelevance: 0.5 }))
    await expect(wish).rejects.toThrow(/without a filter/)
  })

  it('is the same on every page, however short', async () => {
    const { search, calibrations } = await threeColours()
    calibrations.set('g1', calibration)
    const whole = (await search.search(request({}))).hits
    for (const [offset, hit] of whole.entries()) {
      expect((await search.search(request({ limit: 1, offset }))).hits).toEqual([hit])
    }
  })

  it('cuts the list where less is not wanted, down to an empty one that says so', async () => {
    const { search, calibrations, red } = await threeColours()
    calibrations.set('g1', calibration)
    const ids = async (changes: Partial<SearchRequest>) => {
      const { hits, noMatch } = await search.search(request(changes))
      return { ids: hits.map(({ imageId }) => imageId), noMatch }
    }
    expect(await ids({ minRelevance: 'auto' })).toEqual({ ids: [red.imageId], noMatch: false })
    expect((await ids({ minRelevance: 0 })).ids).toHaveLength(3)
    const nothing = { input: { kind: 'text', text: 'xylophone' } } as const
    expect(await ids({ ...nothing, minRelevance: 'auto' })).toEqual({ ids: [], noMatch: true })
    expect(await ids({ minRelevance: 'auto', offset: 1 })).toEqual({ ids: [], noMatch: false })
  })

  it('cuts before hits are put into a better order', async () => {
    const { search, calibrations, rerankBy, red } = await threeColours()
    calibrations.set('g1', calibration)
    const ranked: (readonly string[])[] = []
    rerankBy({
      async rank(_query, documents) {
        ranked.push(documents)
        return { scores: documents.map(() => 1), modelVersion: 'r-1', scale: 'logit' }
      },
    })
    const { hits, reranked } = await search.search(request({ minRelevance: 'auto', rerank: 10 }))
    expect(hits).toMatchObject([{ imageId: red.imageId, rerankScore: 1 }])
    expect(hits[0]?.relevance).toBeGreaterThan(0.5)
    expect(reranked?.hits).toBe(1)
    expect(ranked).toEqual([['a red square']])
  })

  it('is asked for in vain where nothing was fitted, and not told of other searches', async () => {
    const { search, calibrations, blue } = await threeColours()
    await expect(search.search(request({ minRelevance: 'auto' }))).rejects.toMatchObject({ code: 'not-ready' })
    calibrations.set('g1', calibration)
    const others: Partial<SearchRequest>[] = [
      { mode: 'text' },
      { mode: 'hybrid' },
      { target: 'captions' },
      { not: 'blue' },
      { input: { kind: 'image', imageId: blue.imageId } },
    ]
    for (const changes of others) {
      const { hits, noMatch, relevanceThreshold } = await search.search(request(changes))
      expect(hits.length).toBeGreaterThan(0)
      expect([noMatch, relevanceThreshold, ...hits.map((hit) => hit.relevance)].every((fact) => fact === null)).toBe(
        true,
      )
    }
    const empty = await search.search(request({ input: { kind: 'text', text: 'xylophone' }, mode: 'text' }))
    expect(empty).toMatchObject({ hits: [], noMatch: true })
  })
})

async function publishFile(api: RunningApi, bytes: Uint8Array, metadata: Record<string, string> = {}): Promise<string> {
  const form = new FormData()
  form.set('image', new File([new Uint8Array(bytes)], 'picture'))
  form.set('caption', 'a picture')
  form.set('metadata', JSON.stringify(metadata))
  const response = await api.app.request('/v1/pairs', { method: 'POST', body: form })
  return ((await response.json()) as { imageId: string }).imageId
}

describe('near-duplicates', () => {
  it('are one hit with the ids of the others, where they are to be grouped', async () => {
    const api = await runningApi()
    const [reds, blues] = [await almostTheSame('red', 1), await almostTheSame('blue', 2)]
    const ids = []
    for (const bytes of [...reds, ...blues])
      ids.push(await publishFile(api, bytes, { shop: ids.length === 1 ? 'b' : 'a' }))
    const [firstRed = '', secondRed = '', firstBlue = '', secondBlue = ''] = ids
    await api.release('m-1', 'g1')
    const { hits: all } = await api.search.search(request({}))
    expect(all).toHaveLength(4)
    expect(all.map(({ duplicates }) => duplicates)).toEqual([null, null, null, null])

    const { hits } = await api.search.search(request({ group: true, limit: 2 }))
    expect(hits).toHaveLength(2)
    expect(new Set([hits[0]?.imageId, ...(hits[0]?.duplicates ?? [])])).toEqual(new Set([firstRed, secondRed]))
    expect(new Set([hits[1]?.imageId, ...(hits[1]?.duplicates ?? [])])).toEqual(new Set([firstBlue, secondBlue]))
    expect((await api.search.search(request({ group: true, limit: 1, offset: 1 }))).hits).toEqual([hits[1]])

    const filtered = await api.search.search(request({ group: true, filter: { metadata: { shop: ['a'] } } }))
    expect(filtered.hits).toMatchObject([{ imageId: firstRed, duplicates: [] }, { duplicates: [expect.any(String)] }])
    const alike = { input: { kind: 'image', imageId: firstRed }, group: true } as const
    expect((await api.search.search(request(alike))).hits[0]).toMatchObject({ imageId: secondRed })
  })
})

describe('an answer', () => {
  it('names its release, and what its stages took', async () => {
    const { search, catalogue } = await threeColours()
    const { release, stages, tookMs, cached } = await search.search(request({}))
    const releaseId = catalogue.currentRelease()?.release.releaseId
    expect(release).toEqual({ releaseId, modelVersion: 'm-1', generation: 'g1' })
    expect(Object.keys(stages)).toEqual(['encode', 'search', 'join', 'rerank', 'total'])
    const { encode, search: searching, join, rerank, total } = stages
    expect(Math.min(encode, searching, join)).toBeGreaterThan(0)
    expect(rerank).toBe(0)
    expect(encode + searching + join).toBeLessThanOrEqual(total)
    expect({ tookMs, cached }).toEqual({ tookMs: total, cached: false })
  })
})
