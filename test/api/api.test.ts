import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  expect(logged).toMatchObject([{ code: 'internal', traceId: problem.traceId, path: '/v1/status' }])
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
