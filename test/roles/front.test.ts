import { expect, it, onTestFinished } from 'vitest'
import { createProbe } from '../../src/api/probe.ts'
import { loadConfig } from '../../src/config.ts'
import { startFront } from '../../src/roles/front.ts'
import { openedServices } from './opened-services.ts'

async function front() {
  const started = await startFront(loadConfig({}, { PORT: 0 }))
  onTestFinished(() => started.stop())
  const get = async (path: string) => {
    const response = await fetch(`${started.address}${path}`)
    return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() }
  }
  return { ...started, get }
}

it('answers before anything else is up: alive, and what it waits for', async () => {
  const { get, waitsFor } = await front()
  expect(await get('/health/live')).toMatchObject({ status: 200 })
  waitsFor(async () => ['log-unavailable'])
  const ready = await get('/health/ready')
  expect(ready.status).toBe(503)
  expect(JSON.parse(ready.text)).toMatchObject({ code: 'not-ready', reasons: ['starting', 'log-unavailable'] })
  expect(await get('/v1/search?q=a+dog')).toMatchObject({ status: 503, retryAfter: '5' })
  const missing: string[] = []
  waitsFor(async () => ['catalogue-behind', ...missing])
  const reasons = async () => (JSON.parse((await get('/health/ready')).text) as { reasons: string[] }).reasons
  expect(await reasons()).toEqual(['starting', 'catalogue-behind'])
  missing.push('log-unavailable')
  expect(await reasons()).toEqual(['starting', 'catalogue-behind', 'log-unavailable'])
})

it('is not started where others could reach it and nobody is asked who they are', async () => {
  const start = (environment: Record<string, string>) =>
    startFront(loadConfig({ HOST: '0.0.0.0', PORT: '0', ...environment }))
  await expect(start({})).rejects.toMatchObject({
    code: 'configuration-invalid',
    message: expect.stringMatching(/^HOST: .*REQUIRE_CREDENTIALS=true/) as string,
  })
  const started = await start({ REQUIRE_CREDENTIALS: 'true' })
  onTestFinished(() => started.stop())
  expect((await fetch(`${started.address}/health/live`)).status).toBe(200)
})

it('shows metrics to whoever may see them, and the health to everybody', async () => {
  const { address, show } = await front()
  const { access } = await openedServices({ API_KEYS: 'operator:the-key-of-prometheus,reader:the-key-of-a-reader' })
  const registry = { contentType: 'text/plain', metrics: async () => 'up 1\n' }
  show(createProbe({ reasonsNotReady: async () => [], registry, access }))
  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(`${address}${path}`, { headers })).status
  expect([await status('/health/live'), await status('/health/ready'), await status('/metrics')]).toEqual([
    200, 200, 401,
  ])
  expect(await status('/metrics', { authorization: 'Bearer the-key-of-a-reader' })).toBe(403)
  expect(await status('/metrics', { authorization: 'Bearer the-key-of-prometheus' })).toBe(200)
})

it('answers with what is shown from then on', async () => {
  const { get, show } = await front()
  let reasons: string[] = []
  const registry = { contentType: 'text/plain', metrics: async () => 'up 1\n' }
  const { access } = await openedServices()
  show(createProbe({ reasonsNotReady: async () => reasons, registry, access }))
  expect(await get('/health/ready')).toMatchObject({ status: 200 })
  expect(await get('/metrics')).toMatchObject({ status: 200, text: 'up 1\n' })
  expect(await get('/v1/search?q=a+dog')).toMatchObject({
    status: 503,
    text: expect.stringContaining('no-api') as string,
  })
  reasons = ['log-unavailable']
  expect(await get('/health/ready')).toMatchObject({ status: 503 })
})
