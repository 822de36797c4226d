import { expect, it } from 'vitest'
import { modelVersionOf, requestIdOf } from '../../../src/core/ids.ts'
import { postJson, runningApi } from '../fixtures/running-api.ts'

const get = async (api: Awaited<ReturnType<typeof runningApi>>, path: string, init?: RequestInit) => {
  const response = await api.app.request(path, init)
  const body: unknown = await response.json()
  return { status: response.status, body }
}

it('lists models and releases, newest first, and says which is served', async () => {
  const api = await runningApi()
  const requestId = requestIdOf(null, 'volume')
  const modelVersion = modelVersionOf(requestId)
  const value = {
    modelVersion,
    parent: null,
    requestId,
    outcome: 'trained',
    detail: null,
    manifest: 'manifests/x.json',
    metrics: { recall: 0.5 },
    startedAt: 0,
    trainedAt: 1_000,
  }
  await api.log.append([{ topic: 'models.trained', key: requestId, value }])
  await api.release(modelVersion, 'g1')
  await api.release('m-2', 'g2')
  expect(await get(api, '/v1/models')).toEqual({
    status: 200,
    body: {
      models: [
        {
          modelVersion,
          parent: null,
          requestId,
          outcome: 'trained',
          detail: null,
          metrics: { recall: 0.5 },
          startedAt: '1970-01-01T00:00:00.000Z',
          trainedAt: '1970-01-01T00:00:01.000Z',
          release: 'promoted',
          serving: false,
        },
      ],
    },
  })
  const { body } = await get(api, '/v1/releases')
  expect(body).toMatchObject({
    releases: [
      { modelVersion: 'm-2', generation: 'g2' },
      { modelVersion, evidence: { margin: 0.02 }, follows: null },
    ],
  })
})

it('asks for a training', async () => {
  const api = await runningApi()
  expect(await get(api, '/v1/retraining', { method: 'POST' })).toMatchObject({
    status: 202,
    body: { reason: 'manual' },
  })
  expect(await get(api, '/v1/retraining', postJson({}))).toMatchObject({ status: 202 })
})

it('asks for no training where the request says something that it does not understand', async () => {
  const asked: string[] = []
  const requestRetraining = async (requestedBy: string) => {
    asked.push(requestedBy)
    throw new Error('asked')
  }
  const api = await runningApi({ requestRetraining })
  const send = (body: string, type = 'application/json') =>
    get(api, '/v1/retraining', { method: 'POST', headers: { 'content-type': type }, body })
  expect(await send('{"reason":"nonsense"}')).toMatchObject({
    status: 400,
    body: { code: 'invalid-request', detail: expect.stringContaining('"reason"') as string },
  })
  expect(await send('{"rea')).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
  expect(await send('[]')).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
  expect(await send('now', 'text/plain')).toMatchObject({ status: 415, body: { code: 'media-type-unsupported' } })
  expect(asked).toEqual([])
  const { body } = await get(api, '/openapi.json')
  expect(body).toMatchObject({
    paths: { '/v1/retraining': { post: { requestBody: { required: false } } } },
    components: { schemas: { RetrainingRequest: { type: 'object', additionalProperties: false } } },
  })
})

it('tells the status with and without a model', async () => {
  const api = await runningApi()
  await api.publish('red', 'red')
  await api.publish('red', 'also red')
  await api.publish('blue', 'blue', { split: 'test' })
  await api.catalogue.caughtUp(api.log)
  const before = await get(api, '/v1/status')
  expect(before).toEqual({
    status: 200,
    body: {
      version: '0.0.0-test',
      images: 2,
      pairs: 3,
      counted: 2,
      release: null,
      lag: { 'embed-g1': 0 },
      training: { base: 0, newPairs: 2, threshold: 0.1, missingPairs: 998 },
    },
  })
  await api.release('m-1', 'g1')
  expect((await get(api, '/v1/status')).body).toMatchObject({
    release: { modelVersion: 'm-1', generation: 'g1', state: 'promoted' },
  })
})

it('is live always, and ready only with a model and all it depends on', async () => {
  let reasons: string[] = []
  let missing: string[] = []
  const api = await runningApi({ reasonsNotReady: async () => reasons, missing: async () => missing })
  expect(await get(api, '/health/live')).toEqual({ status: 200, body: { status: 'live' } })
  expect(await get(api, '/health/ready')).toMatchObject({
    status: 503,
    body: { code: 'not-ready', reasons: ['no-model'] },
  })
  await api.release('m-1', 'g1')
  expect(await get(api, '/health/ready')).toEqual({ status: 200, body: { status: 'ready', missing: [] } })
  missing = ['log-unavailable']
  expect(await get(api, '/health/ready')).toEqual({ status: 200, body: { status: 'ready', missing } })
  missing = ['log-unavailable', 'index-unavailable']
  expect(await get(api, '/health/ready')).toMatchObject({
    status: 503,
    body: { reasons: ['index-unavailable'], missing },
  })
  missing = []
  reasons = ['catalogue-behind']
  expect(await get(api, '/health/ready')).toMatchObject({ status: 503, body: { reasons } })
})

it('gives the metrics as Prometheus reads them', async () => {
  const { app } = await runningApi()
  const response = await app.request('/metrics')
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(await response.text()).toContain('up 1')
})

it('answers the plain addresses that existing clients use', async () => {
  const api = await runningApi()
  expect(await get(api, '/health')).toEqual({
    status: 200,
    body: { status: 'ok', model_loaded: false, model_version: null },
  })
  expect(await get(api, '/encode_text', postJson({ text: 'a' }))).toMatchObject({
    status: 503,
    body: { code: 'no-model' },
  })
  const red = await api.publish('red', 'a red square')
  await api.publish('red', 'crimson')
  await api.release('m-1', 'g1')
  expect(await get(api, '/health')).toMatchObject({ body: { model_loaded: true, model_version: 'm-1' } })

  type Embedded = { embedding: number[]; embeddings?: number[][] }
  const one = (await get(api, '/encode_text', postJson({ text: 'red' }))).body as Embedded
  expect(one).toMatchObject({ dimension: 64, model_version: 'm-1' })
  expect(one.embedding.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5)
  const two = (await get(api, '/encode_text', postJson({ texts: ['red', 'blue'] }))).body as Embedded
  expect(two.embeddings).toHaveLength(2)
  expect(two.embedding).toEqual(one.embedding)

  const content = Buffer.from(await (await api.app.request(`/v1/images/${red.imageId}/content`)).arrayBuffer())
  const form = new FormData()
  form.set('file', new File([new Uint8Array(content)], 'red.png'))
  for (const request of [{ method: 'POST', body: form }, postJson({ image: content.toString('base64') })]) {
    expect((await get(api, '/encode_image', request)).body).toEqual({ ...one, embedding: one.embedding })
  }
  for (const body of [
    { query: 'red', top_k: 1 },
    { text: 'red', top_k: 1 },
  ]) {
    expect((await get(api, '/search_images_by_text', postJson(body))).body).toMatchObject({
      results: [
        {
          image_id: red.imageId,
          caption: 'a red square',
          captions: ['a red square', 'crimson'],
          image_url: `/v1/images/${red.imageId}/content`,
        },
      ],
      model_version: 'm-1',
    })
  }
  expect(await get(api, '/search_images_by_text', postJson({ top_k: 1 }))).toMatchObject({ status: 400 })
  expect(await get(api, '/encode_image', { method: 'POST', body: new FormData() })).toMatchObject({ status: 400 })
  expect(await get(api, '/encode_text', postJson({ texts: [] }))).toMatchObject({ status: 400 })
  expect(await get(api, '/encode_text', { method: 'POST' })).toMatchObject({
    status: 400,
    body: { code: 'invalid-request' },
  })
})
