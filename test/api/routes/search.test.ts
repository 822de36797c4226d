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
