import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { RequestMetrics } from '../../src/api/dependencies.ts'
import { errorCodes } from '../../src/core/errors.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { postJson, runningApi } from './fixtures/running-api.ts'

type Problem = { code: string; status: number; detail: string; traceId: string }

it('answers unknown addresses and wrong methods with problems', async () => {
  const { app } = await runningApi()
  const missing = await app.request('/v2/search')
  expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
  expect(await missing.json()).toMatchObject({ code: 'not-found', type: '/problems/not-found', status: 404 })
  const wrong = await app.request('/v1/pairs/0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1', { method: 'PUT' })
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'DELETE, GET'])
  expect(await wrong.json()).toMatchObject({ code: 'method-not-allowed' })
  for (const method of ['DELETE', 'GET', 'PUT']) {
    const nameless = await app.request('/v1/pairs/', { method })
    expect([nameless.status, nameless.headers.get('allow')]).toEqual([404, null])
  }
})

it('refuses bodies past the limit, whether announced or not', async () => {
  const { app } = await runningApi({ maxBodyBytes: 1_000 })
  const body = JSON.stringify({ text: 'x'.repeat(2_000) })
  const headers = { 'content-type': 'application/json' }
  const announced = await app.request('/v1/search', {
    method: 'POST',
    headers: { ...headers, 'content-length': String(body.length) },
    body,
  })
  const streamed = await app.request('/v1/search', { method: 'POST', headers, body })
  for (const response of [announced, streamed]) {
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({
      code: 'payload-too-large',
      detail: expect.stringContaining('1000 bytes') as string,
    })
  }
})

it('tells the log what is not understood, and the client only where to look', async () => {
  const logged: Readonly<Record<string, unknown>>[] = []
  const { app } = await runningApi({
    lag: async () => Promise.reject(new TypeError('x is undefined in /secret/path.ts')),
    logger: { warn: () => undefined, error: (facts) => void logged.push(facts) },
  })
  const response = await app.request('/v1/status')
  const problem = (await response.json()) as Problem
  expect(problem).toMatchObject({ status: 500, code: 'internal' })
  expect(JSON.stringify(problem)).not.toContain('secret')
  expect(logged).toMatchObject([{ code: 'internal', traceId: problem.traceId, route: '/v1/status' }])
  expect(logged[0]?.['err']).toBeInstanceOf(TypeError)
})

it('continues the trace of the caller, or starts one', async () => {
  const { app } = await runningApi()
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${traceId}-00f067aa0ba902b7-00`
  const followed = await app.request('/nowhere', { headers: { traceparent } })
  expect(followed.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-00$`))
  expect(((await followed.json()) as Problem).traceId).toBe(traceId)
  for (const bad of [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'nonsense']) {
    const started = await app.request('/health', { headers: { traceparent: bad } })
    expect(started.headers.get('traceparent')).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  }
})

it('reports requests by route, not by address', async () => {
  const seen: string[] = []
  const metrics: RequestMetrics = {
    requested: ({ method, route, status, seconds }) => void seen.push(`${method} ${route} ${status} ${seconds > 0}`),
  }
  const { app } = await runningApi({ metrics })
  await app.request('/v1/pairs/0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1')
  await app.request('/v1/search', postJson({}))
  await app.request('/wp-admin')
  await app.request('/health/ready')
  expect(seen).toEqual([
    'GET /v1/pairs/{id} 404 true',
    'POST /v1/search 400 true',
    'GET unmatched 404 true',
    'GET /health/ready 503 true',
  ])
})

it('lets no other web site change anything', async () => {
  const { app } = await runningApi()
  const crossSite = { 'sec-fetch-site': 'cross-site' }
  const refused = await app.request('/v1/retraining', { method: 'POST', headers: crossSite })
  expect([refused.status, ((await refused.json()) as Problem).code]).toEqual([403, 'cross-site-refused'])
  expect((await app.request('/v1/status', { headers: crossSite })).status).toBe(200)
  for (const site of ['same-origin', 'none']) {
    expect((await app.request('/v1/retraining', { method: 'POST', headers: { 'sec-fetch-site': site } })).status).toBe(
      202,
    )
  }
})

it('describes every address in OpenAPI 3.1 and on a page without scripts', async () => {
  const { app } = await runningApi()
  const document = (await (await app.request('/openapi.json')).json()) as {
    openapi: string
    paths: Record<string, object>
  }
  expect(document.openapi).toBe('3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((m) => `${m} ${path}`),
  )
  expect(operations.sort()).toEqual([
    'delete /v1/pairs/{id}',
    'delete /v1/session',
    'delete /v1/subjects/{subject}',
    'get /health',
    'get /health/live',
    'get /health/ready',
    'get /indices-list',
    'get /metrics',
    'get /v1/audit',
    'get /v1/erasures/{id}',
    'get /v1/images/{id}',
    'get /v1/images/{id}/content',
    'get /v1/models',
    'get /v1/pairs',
    'get /v1/pairs/{id}',
    'get /v1/releases',
    'get /v1/search',
    'get /v1/status',
    'get /v1/subjects/{subject}/export',
    'post /encode_image',
    'post /encode_text',
    'post /knn-service',
    'post /metadata',
    'post /search_images_by_text',
    'post /v1/feedback',
    'post /v1/pairs',
    'post /v1/retraining',
    'post /v1/search',
    'post /v1/session',
  ])
  const docs = await app.request('/docs')
  const page = await docs.text()
  expect(docs.headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(page).not.toMatch(/<script|<style|https?:\/\//)
  expect((await app.request('/docs.css')).headers.get('content-type')).toBe('text/css; charset=utf-8')
  for (const path of Object.keys(document.paths)) expect(page).toContain(path)
  for (const code of Object.keys(errorCodes)) {
    expect(await (await app.request(`/problems/${code}`)).json()).toMatchObject({ code })
  }
  expect((await app.request('/problems/toString')).status).toBe(404)
})

it('serves the page and nothing beside its folder', async () => {
  const folder = await temporaryFolder()
  const webFolder = join(folder, 'web')
  await mkdir(join(webFolder, 'nested'), { recursive: true })
  await writeFile(join(folder, 'secret.js'), 'secret')
  await writeFile(join(webFolder, 'nested', 'inner.js'), 'secret')
  await writeFile(join(webFolder, '.hidden.js'), 'secret')
  await writeFile(join(webFolder, 'index.html'), '<!doctype html>')
  await writeFile(join(webFolder, 'main.js'), 'export {}')
  const { app } = await runningApi({ webFolder })
  const page = await app.request('/')
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  const script = await app.request('/main.js')
  expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  const known = { 'if-none-match': script.headers.get('etag') ?? '' }
  expect((await app.request('/main.js', { headers: known })).status).toBe(304)
  for (const path of [
    '/../secret.js',
    '/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '/nested/inner.js',
    '/nested%2finner.js',
    '/.hidden.js',
    '/other.js',
    '/main.exe',
  ]) {
    const response = await app.request(path)
    expect([path, response.status]).toEqual([path, 404])
  }
})

it('keeps the id that a caller gave its request where it can be written down, and gives one otherwise', async () => {
  const logged: Readonly<Record<string, unknown>>[] = []
  const { app } = await runningApi({
    lag: async () => Promise.reject(new TypeError('broken')),
    logger: { warn: () => undefined, error: (facts) => void logged.push(facts) },
  })
  const idOf = async (given: string) =>
    (await app.request('/v1/status', { headers: { 'x-request-id': given } })).headers.get('x-request-id')
  expect(await idOf('abc-123_=')).toBe('abc-123_=')
  expect(logged).toMatchObject([{ requestId: 'abc-123_=', code: 'internal' }])
  for (const given of ['', 'a b', 'x'.repeat(129), '<script>']) expect(await idOf(given)).toMatch(/^[0-9a-f-]{36}$/)
})

it('packs long answers in words for whoever takes gzip, and pictures for nobody', async () => {
  const { app, publish, catalogue, log } = await runningApi()
  const { imageId } = await publish('red', `a red square ${'again and '.repeat(190)}`)
  await catalogue.caughtUp(log)
  const ask = (path: string) => app.request(path, { headers: { 'accept-encoding': 'gzip' } })
  const packed = await ask('/v1/search?q=square&mode=text')
  expect(packed.headers.get('content-encoding')).toBe('gzip')
  expect(packed.headers.get('vary')).toMatch(/accept-encoding/i)
  const plain = await app.request('/v1/search?q=square&mode=text')
  expect(plain.headers.get('content-encoding')).toBeNull()
  const { hits } = JSON.parse(gunzipSync(await packed.arrayBuffer()).toString()) as { hits: object[] }
  expect(hits).toEqual(((await plain.json()) as { hits: object[] }).hits)
  expect((await ask(`/v1/images/${imageId}/content`)).headers.get('content-encoding')).toBeNull()
  expect((await ask(`/v1/images/${imageId}/content?width=160`)).headers.get('content-encoding')).toBeNull()
})

it('lets pages of the origins that are named use it, and no others', async () => {
  const shop = 'https://shop.example.com'
  const { app } = await runningApi({ corsOrigins: [shop] })
  const from = (origin: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    headers.set('origin', origin)
    headers.set('sec-fetch-site', 'cross-site')
    return app.request('/v1/search?q=a&mode=text', { ...init, headers })
  }
  const allowed = await from(shop)
  expect(allowed.headers.get('access-control-allow-origin')).toBe(shop)
  expect(allowed.headers.get('access-control-expose-headers')).toContain('X-Request-Id')
  expect(allowed.headers.get('vary')).toContain('Origin')
  const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
  const preflight = await from(shop, { method: 'OPTIONS', headers: asked })
  expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, expect.stringContaining('POST')]) // prettier-ignore
  expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type')
  const post = postJson({ text: 'a', mode: 'text' })
  expect((await from(shop, post)).status).toBe(200)
  const refused = await from(shop, postJson({ text: 'a', mode: 'none' }))
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([400, shop])
  expect((await from('https://other.example.com')).headers.get('access-control-allow-origin')).toBeNull()
  expect((await from('https://other.example.com', post)).status).toBe(403)
  const closed = (await runningApi()).app
  const unnamed = await closed.request('/v1/status', { headers: { origin: shop } })
  expect(unnamed.headers.get('access-control-allow-origin')).toBeNull()
})
