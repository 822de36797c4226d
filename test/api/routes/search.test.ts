import { expect, it } from 'vitest'
import type { SearchResult } from '../../../src/api/search-types.ts'
import { picture } from '../fixtures/colour-encoder.ts'
import { postJson, runningApi } from '../fixtures/running-api.ts'

async function released() {
  const api = await runningApi()
  const red = await api.publish('red', 'a red square', { metadata: { album: 'warm', 'a:b': 'c' } })
  const blue = await api.publish('blue', 'the blue sea')
  await api.release('m-1', 'g1')
  const search = async (path: string, init?: RequestInit) => {
    const response = await api.app.request(path, init)
    return {
      status: response.status,
      result: (await response.json()) as SearchResult & { code?: string; detail?: string },
    }
  }
  return { ...api, red, blue, search }
}

it('answers text, filter, page and "more like this" in the address', async () => {
  const { search, red, blue } = await released()
  const { status, result } = await search('/v1/search?q=red&limit=1')
  expect(status).toBe(200)
  expect(result.hits.map((hit) => hit.imageId)).toEqual([red.imageId])
  expect(result.tookMs).toBeGreaterThan(0)
  expect((await search('/v1/search?q=red&offset=1')).result.hits.map((hit) => hit.imageId)).toEqual([blue.imageId])
  const filtered = await search('/v1/search?q=blue&split=train&split=test&metadata=album:warm&metadata=album:cold')
  expect(filtered.result.hits.map((hit) => hit.imageId)).toEqual([red.imageId])
  expect((await search(`/v1/search?imageId=${red.imageId}`)).result.hits.map((hit) => hit.imageId)).toEqual([
    blue.imageId,
  ])
  expect((await search('/v1/search?q=sea&mode=text&target=captions')).result.hits[0]?.caption).toBe('the blue sea')
  expect((await search('/v1/search?q=red&metadata=__proto__:x')).result.hits).toEqual([])
  expect((await search('/v1/search?q=caf%C3%A9+%F0%9F%90%95')).status).toBe(200)
})

it('takes pictures as a form and as base64, and embeddings', async () => {
  const { search, app, red } = await released()
  const bytes = await picture('red', 3)
  const form = new FormData()
  form.set('image', new File([new Uint8Array(bytes)], 'query.png'))
  form.set('limit', '1')
  const { embedding } = (await (await app.request('/encode_text', postJson({ text: 'red' }))).json()) as {
    embedding: number[]
  }
  const requests: RequestInit[] = [
    { method: 'POST', body: form },
    postJson({ image: bytes.toString('base64'), limit: 1 }),
    postJson({ image: `data:image/png;base64,${bytes.toString('base64')}`, limit: 1 }),
    postJson({ text: 'red', limit: 1, filter: { metadata: { album: 'warm' }, splits: ['train'] } }),
    postJson({ embedding, limit: 1, filter: { metadata: { album: ['warm', 'cold'] } } }),
  ]
  for (const request of requests) {
    const { status, result } = await search('/v1/search', request)
    expect(status).toBe(200)
    expect(result.hits.map((hit) => hit.imageId)).toEqual([red.imageId])
  }
})

const numbered = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i))
const filtered = (filter: object): RequestInit => postJson({ text: 'a', filter })

function formWith(name: string, value: string): FormData {
  const form = new FormData()
  form.set('image', new File([new Uint8Array(1)], 'query.png'))
  form.set(name, value)
  return form
}

const refusals: readonly [string, string, RequestInit | undefined, number, string, RegExp][] = [
  ['nothing', '/v1/search', undefined, 400, 'invalid-request', /one thing to search for/],
  ['a limit of 0', '/v1/search?q=a&limit=0', undefined, 400, 'invalid-request', /^limit: /],
  ['a limit that is no number', '/v1/search?q=a&limit=many', undefined, 400, 'invalid-request', /^limit: /],
  ['an offset too far', '/v1/search?q=a&offset=1001', undefined, 400, 'invalid-request', /^offset: /],
  ['an unknown split', '/v1/search?q=a&split=other', undefined, 400, 'invalid-request', /^split: .*train/],
  ['an unknown target', '/v1/search?q=a&target=videos', undefined, 400, 'invalid-request', /^target: /],
  ['too many sets', `/v1/search?q=a${'&split=test'.repeat(5)}`, undefined, 400, 'invalid-request', /^split: /],
  [
    'too many fields',
    `/v1/search?q=a${numbered(21, (i) => `&metadata=f${i}:x`).join('')}`,
    undefined,
    400,
    'invalid-request',
    /^metadata: .*20 fields/,
  ],
  [
    'too many values',
    `/v1/search?q=a${numbered(101, (i) => `&metadata=f:${i}`).join('')}`,
    undefined,
    400,
    'invalid-request',
    /^metadata: .*100 values/,
  ],
  [
    'a field with a name too long',
    `/v1/search?q=a&metadata=${'f'.repeat(65)}:x`,
    undefined,
    400,
    'invalid-request',
    /^metadata/,
  ],
  [
    'too many sets as JSON',
    '/v1/search',
    filtered({ splits: numbered(5, () => 'test') }),
    400,
    'invalid-request',
    /^f/,
  ],
  [
    'too many fields as JSON',
    '/v1/search',
    filtered({ metadata: Object.fromEntries(numbered(21, (i) => [`f${i}`, 'x'])) }),
    400,
    'invalid-request',
    /^filter.metadata: .*20 fields/,
  ],
  [
    'too many values as JSON',
    '/v1/search',
    filtered({ metadata: { f: numbered(101, String) } }),
    400,
    'invalid-request',
    /^filter.metadata.f/,
  ],
  [
    'a value too long as JSON',
    '/v1/search',
    filtered({ metadata: { f: 'x'.repeat(4_097) } }),
    400,
    'invalid-request',
    /^filter.metadata.f/,
  ],
  ['an id that is none', '/v1/search?imageId=7', undefined, 400, 'invalid-request', /^imageId: /],
  ['an unknown name', '/v1/search?q=a&bogus=1', undefined, 400, 'invalid-request', /"bogus"/],
  ['a filter as in JSON', '/v1/search?q=a&filter.split=val', undefined, 400, 'invalid-request', /"filter\.split"/],
  ['half an escape', '/v1/search?q=100%25%2', undefined, 400, 'invalid-request', /^q: .*UTF-8/],
  ['a text of Latin-1', '/v1/search?limit=1&q=caf%E9', undefined, 400, 'invalid-request', /^q: .*UTF-8/],
  ['a name of Latin-1', '/v1/search?q=a&caf%E9=1', undefined, 400, 'invalid-request', /name .*UTF-8/],
  [
    'an unknown form field',
    '/v1/search',
    { method: 'POST', body: formWith('filter', '{}') },
    400,
    'invalid-request',
    /"filter"/,
  ],
  ['a range without ends', '/v1/search?q=a&range=year:2019', undefined, 400, 'invalid-request', /^range: .*FROM\.\.TO/],
  ['a range without a field', '/v1/search?q=a&range=..2019', undefined, 400, 'invalid-request', /^range: .*field:FROM/],
  [
    'two ranges of a field',
    '/v1/search?q=a&range=year:1..2&range=year:3..4',
    undefined,
    400,
    'invalid-request',
    /^range: .*one range a field/,
  ],
  [
    'a range of two kinds',
    '/v1/search',
    filtered({ metadata: { year: { gte: 2019, lt: '2020-01-01' } } }),
    400,
    'invalid-request',
    /^filter.metadata.year: .*both numbers or both dates/,
  ],
  [
    'a range with an unknown bound',
    '/v1/search',
    filtered({ metadata: { year: { from: 2019 } } }),
    400,
    'invalid-request',
    /^filter.metadata.year: .*"from"/,
  ],
  [
    'a date that is none',
    '/v1/search',
    filtered({ metadata: { taken: { gte: 'last week' } } }),
    400,
    'invalid-request',
    /^filter.metadata.taken: .*such as 2024-06-30/,
  ],
  ['a relevance above 1', '/v1/search?q=a&minRelevance=2', undefined, 400, 'invalid-request', /^minRelevance: /],
  ['a relevance yet unknown', '/v1/search?q=a&minRelevance=0.5', undefined, 503, 'not-ready', /minRelevance/],
  ['grouped captions', '/v1/search?q=a&target=captions&group=true', undefined, 400, 'invalid-request', /"group"/],
  ['a weight without a picture', '/v1/search?q=a&textWeight=0.5', undefined, 400, 'invalid-request', /^textWeight: /],
  ['no queries', '/v1/search', postJson({ queries: [] }), 400, 'invalid-request', /^queries: /],
  [
    'too many queries',
    '/v1/search',
    postJson({ queries: numbered(101, () => ({ text: 'a' })) }),
    400,
    'invalid-request',
    /^queries: .*100/,
  ],
  [
    'a query that does not match',
    '/v1/search',
    postJson({ queries: [{ text: 'a' }, { text: 'b', limit: 0 }] }),
    400,
    'invalid-request',
    /^queries\.1\.limit: /,
  ],
  [
    'queries and more',
    '/v1/search',
    postJson({ queries: [{ text: 'a' }], limit: 3 }),
    400,
    'invalid-request',
    /"limit"/,
  ],
  ['two things', '/v1/search', postJson({ text: 'a', embedding: [1] }), 400, 'invalid-request', /one thing/],
  ['an unknown field', '/v1/search', postJson({ text: 'a', topK: 3 }), 400, 'invalid-request', /topK/],
  ['malformed JSON', '/v1/search', { ...postJson(0), body: '{"text":' }, 400, 'invalid-request', /not JSON/],
  ['no JSON object', '/v1/search', postJson([]), 400, 'invalid-request', /object/],
  ['bad base64', '/v1/search', postJson({ image: '%%%%' }), 400, 'invalid-request', /^image: .*base64/],
  ['no picture', '/v1/search', postJson({ image: 'AAAA' }), 422, 'image-unreadable', /decoded/],
  ['no content type', '/v1/search', { method: 'POST' }, 415, 'media-type-unsupported', /application\/json/],
  [
    'XML',
    '/v1/search',
    { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<a/>' },
    415,
    'media-type-unsupported',
    /json/,
  ],
  [
    'a form without a picture',
    '/v1/search',
    { method: 'POST', body: new FormData() },
    400,
    'invalid-request',
    /^image: /,
  ],
  [
    'a form cut off',
    '/v1/search',
    { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x\r\n' },
    400,
    'invalid-request',
    /form/,
  ],
]

it('refuses what does not match the schema, and says which field', async () => {
  const { search } = await released()
  for (const [what, path, init, status, code, detail] of refusals) {
    const answer = await search(path, init)
    expect(answer, what).toMatchObject({ status, result: { status, code, type: `/problems/${code}` } })
    expect(answer.result.detail, what).toMatch(detail)
  }
})

it('takes words beside a picture, what is not wanted, fused ranks and groups, in every form', async () => {
  const { search, red, blue } = await released()
  const ids = async (path: string, init?: RequestInit) =>
    (await search(path, init)).result.hits.map(({ imageId }) => imageId)
  const bytes = await picture('red', 3)
  const form = new FormData()
  form.set('image', new File([new Uint8Array(bytes)], 'query.png'))
  form.set('text', 'blue')
  form.set('textWeight', '0.9')
  form.set('group', 'true')
  expect(await ids('/v1/search', { method: 'POST', body: form })).toEqual([blue.imageId, red.imageId])
  const image = bytes.toString('base64')
  expect(await ids('/v1/search', postJson({ image, text: 'blue', textWeight: 0.1, group: true }))).toEqual([
    red.imageId,
    blue.imageId,
  ])
  expect(await ids('/v1/search', postJson({ imageId: red.imageId, text: 'blue' }))).toEqual([blue.imageId])
  expect(await ids(`/v1/search?imageId=${red.imageId}&q=blue&textWeight=0.7`)).toEqual([blue.imageId])
  expect((await ids('/v1/search?q=red+blue&not=red'))[0]).toBe(blue.imageId)
  expect((await ids('/v1/search', postJson({ text: 'red blue', not: 'blue' })))[0]).toBe(red.imageId)
  const { hits, release, stages } = (await search('/v1/search?q=sea&mode=hybrid&group=true')).result
  expect(hits[0]).toMatchObject({ imageId: blue.imageId, duplicates: [] })
  expect(release).toMatchObject({ modelVersion: 'm-1', generation: 'g1' })
  expect(stages.total).toBeGreaterThan(0)
})

it('filters by ranges of numbers and dates', async () => {
  const { search, app, publish, indexed } = await released()
  expect(app).toBeDefined()
  const old = await publish('white', 'an old boat', { metadata: { year: '1999', taken: '1999-05-01' } })
  const young = await publish('green', 'a young boat', { metadata: { year: '2021', taken: '2021-05-01' } })
  await indexed('g1')
  const ids = async (path: string, init?: RequestInit) =>
    new Set((await search(path, init)).result.hits.map(({ imageId }) => imageId))
  expect(await ids('/v1/search?q=boat&range=year:2000..')).toEqual(new Set([young.imageId]))
  expect(await ids('/v1/search?q=boat&range=year:..1999&range=taken:1999-05-01..1999-05-01')).toEqual(
    new Set([old.imageId]),
  )
  const filter = (metadata: object) => postJson({ text: 'boat', filter: { metadata } })
  expect(await ids('/v1/search', filter({ year: { gte: 1999, lt: 2021 } }))).toEqual(new Set([old.imageId]))
  expect(await ids('/v1/search', filter({ taken: { gt: '1999-05-01' } }))).toEqual(new Set([young.imageId]))
  expect(await ids('/v1/search', filter({ year: ['1999', '2021'], taken: { gte: '2000-01-01' } }))).toEqual(
    new Set([young.imageId]),
  )
})

it('answers several queries, each with its result or its problem', async () => {
  const { app, red, blue } = await released()
  type Results = { results: (SearchResult & { problem?: { code: string; type: string } })[]; tookMs: number }
  const ask = async (queries: object[]) => {
    const response = await app.request('/v1/search', postJson({ queries }))
    return { status: response.status, body: (await response.json()) as Results }
  }
  const all = await ask([
    { text: 'red', limit: 1 },
    { text: 'sea', mode: 'text' },
  ])
  expect(all.status).toBe(200)
  expect(all.body.results.map(({ hits }) => hits.map(({ imageId }) => imageId))).toEqual([
    [red.imageId],
    [blue.imageId],
  ])
  expect(all.body.tookMs).toBeGreaterThan(0)
  const some = await ask([{ text: ' ' }, { text: 'red', limit: 1 }, {}, { imageId: red.pairId }])
  expect(some.status).toBe(207)
  expect(some.body.results.map(({ problem }) => problem?.code ?? null)).toEqual([
    'invalid-request',
    null,
    'invalid-request',
    'image-not-found',
  ])
  expect(some.body.results[1]?.hits.map(({ imageId }) => imageId)).toEqual([red.imageId])
})

it('says how many pairs are missing while there is no model, and answers full text', async () => {
  const { app, publish, catalogue, log } = await runningApi()
  await publish('red', 'a red square')
  await catalogue.caughtUp(log)
  const response = await app.request('/v1/search?q=red')
  expect(response.status).toBe(503)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await response.json()).toMatchObject({
    code: 'no-model',
    missingPairs: 999,
    detail: expect.stringContaining('999') as string,
  })
  expect(((await (await app.request('/v1/search?q=red&mode=text')).json()) as SearchResult).hits).toHaveLength(1)
})

it('reranks the first hits of a text where that is asked for, before the page is cut', async () => {
  const { search, rerankBy, catalogue, log, erase, red, blue } = await released()
  const plain = (await search('/v1/search?q=red')).result
  expect(plain.reranked).toBeNull()
  expect(plain.hits.map(({ rerankScore }) => rerankScore)).toEqual([null, null])

  const without = (await search('/v1/search?q=red&rerank=10')).result
  expect(without.hits.map(({ imageId }) => imageId)).toEqual([red.imageId, blue.imageId])
  expect(without.reranked).toMatchObject({ hits: 0, failure: { code: 'model-not-found' } })

  rerankBy({
    rank: async (query, documents) => ({
      scores: documents.map((text) => (query === 'red' && text.includes('sea') ? 2 : 1)),
      modelVersion: 'r-1',
      scale: 'logit',
    }),
  })
  const { result } = await search('/v1/search?q=red&rerank=10&limit=1')
  expect(result.hits.map(({ imageId, rerankScore }) => [imageId, rerankScore])).toEqual([[blue.imageId, 2]])
  expect(result.reranked).toEqual({ hits: 2, modelVersion: 'r-1', scale: 'logit', failure: null })
  const second = (await search('/v1/search?q=red&rerank=10&limit=1&offset=1')).result
  expect(second.hits.map(({ imageId }) => imageId)).toEqual([red.imageId])
  const byWords = (await search('/v1/search', postJson({ text: 'red', mode: 'text', rerank: 2 }))).result
  expect(byWords.reranked).toMatchObject({ hits: 1, failure: null })

  rerankBy({
    async rank(_query, documents) {
      for (const { pairId } of catalogue.pairsOfImage(blue.imageId)) await erase(pairId, 'test')
      await catalogue.caughtUp(log)
      return { scores: documents.map(() => 1), modelVersion: 'r-1', scale: 'logit' }
    },
  })
  const meanwhile = (await search('/v1/search?q=red&rerank=10')).result
  expect(meanwhile.hits.map(({ imageId }) => imageId)).toEqual([red.imageId])

  const more = await search(`/v1/search?imageId=${red.imageId}&rerank=1`)
  expect(more).toMatchObject({ status: 400, result: { code: 'invalid-request' } })
  expect((await search('/v1/search?q=red&rerank=101')).status).toBe(400)
})
