import { once } from 'node:events'
import { connect } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startServer } from '../../src/api/server.ts'
import { sha256Hex } from '../../src/core/ids.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { runningApi } from './fixtures/running-api.ts'

const KEY = 'a-key-of-an-operator'
const OTHER = 'another-key-of-one'
const key = (text: string) => ({ role: 'operator', scopes: null, hash: sha256Hex(text) }) as const
const choice = { required: true, jwt: null, keys: [key(KEY), key(OTHER)], trustedProxies: [] }
const off = { reads: 0, changes: 0, address: 0, failures: 0 }
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } })
type Problem = { readonly code: string; readonly detail: string }

describe('rate limits', () => {
  it('bound what each caller reads and changes, and tell how much is left', async () => {
    let now = 1_000
    const { app } = await runningApi({ rateLimits: { ...off, reads: 3, changes: 1 } }, choice, () => now)
    const status = () => app.request('/v1/status', bearer(KEY))
    const first = await status()
    expect(first.headers.get('ratelimit-policy')).toBe('"reads";q=3;w=60')
    expect(first.headers.get('ratelimit')).toBe('"reads";r=2;t=20')
    await status()
    await status()
    const refused = await status()
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('20')
    expect(refused.headers.get('ratelimit')).toBe('"reads";r=0;t=60')
    expect((await refused.json()) as Problem).toMatchObject({ code: 'rate-limited' })
    // Others are not concerned, nor are changes.
    expect((await app.request('/v1/status', bearer(OTHER))).status).toBe(200)
    const change = { ...bearer(KEY), method: 'POST' }
    expect((await app.request('/v1/retraining', change)).status).toBe(202)
    expect((await app.request('/v1/retraining', change)).status).toBe(429)
    now += 20_000
    expect((await status()).status).toBe(200)
  })

  it('bound what comes from an address, and wrong credentials of it', async () => {
    const { app } = await runningApi({ rateLimits: { ...off, address: 100, failures: 2 } }, choice, () => 1_000)
    const from = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } })
    const ask = (text: string, address: string) => app.request('/v1/status', bearer(text), from(address))
    expect((await ask('wrong', '192.0.2.1')).status).toBe(401)
    expect((await ask('wrong', '192.0.2.1')).status).toBe(401)
    const refused = await ask('wrong', '192.0.2.1')
    expect([refused.status, refused.headers.get('ratelimit-policy')]).toEqual([429, '"failures";q=2;w=60'])
    expect((await ask(KEY, '192.0.2.2')).status).toBe(200)
    // Without credentials nothing was tried.
    for (let time = 0; time < 5; time++)
      expect((await app.request('/v1/status', {}, from('192.0.2.3'))).status).toBe(401)
    const flood = await Promise.all(
      Array.from({ length: 120 }, async () => app.request('/health/live', {}, from('192.0.2.9'))),
    )
    expect(flood.filter(({ status }) => status === 429)).toHaveLength(20)
  })

  it('bound what a caller is refused, so that refusals cannot fill the audit log', async () => {
    const reader = { role: 'reader', scopes: null, hash: sha256Hex(KEY) } as const
    const { app } = await runningApi({ rateLimits: { ...off, changes: 2 } }, { ...choice, keys: [reader] }, () => 1_000)
    const refused = async () => (await app.request('/v1/retraining', { ...bearer(KEY), method: 'POST' })).status
    expect([await refused(), await refused(), await refused()]).toEqual([403, 403, 429])
  })

  it('bound nobody where nobody is asked who they are', async () => {
    const { app } = await runningApi({ rateLimits: { reads: 1, changes: 1, address: 1, failures: 1 } })
    for (let time = 0; time < 5; time++) expect((await app.request('/v1/status')).status).toBe(200)
  })
})

describe('the work at once', () => {
  async function busyApi(work: { atOnce: number; longest: number }) {
    const gate = promise()
    const begun = promise()
    const lag = async () => {
      begun.resolve()
      await gate.promise
      return {}
    }
    const { app } = await runningApi({ work, lag })
    const server = await startServer(app, { port: 0 })
    onTestFinished(server.stop)
    return { gate, begun, ask: (path = '/v1/status') => fetch(`${server.address}${path}`) }
  }

  it('is bounded: past what is in work and what may wait, the answer is 503, and probes are answered', async () => {
    const { gate, begun, ask } = await busyApi({ atOnce: 1, longest: 60_000 })
    const taken = [ask()]
    await begun.promise
    const eightAnswered = promise()
    let answered = 0
    const others = Array.from({ length: 12 }, async () => {
      const answer = await ask()
      if (++answered === 8) eightAnswered.resolve()
      return answer
    })
    await eightAnswered.promise
    expect((await ask('/health/live')).status).toBe(200)
    gate.resolve()
    const all = await Promise.all([...taken, ...others])
    const refused = all.filter(({ status }) => status === 503)
    expect(refused).toHaveLength(8)
    expect(refused[0]?.headers.get('retry-after')).toBe('5')
    expect((await refused[0]?.json()) as Problem).toMatchObject({ code: 'overloaded' })
    expect(all.filter(({ status }) => status === 200)).toHaveLength(5)
  })

  it('is given up after a while, and keeps its place until it has ended', async () => {
    const { gate, ask } = await busyApi({ atOnce: 1, longest: 50 })
    const late = await ask()
    expect([late.status, ((await late.json()) as Problem).code]).toEqual([503, 'request-timeout'])
    const next = ask('/v1/models')
    gate.resolve()
    expect((await next).status).toBe(200)
  })
})

describe('slow clients', () => {
  async function slowly(sent: string, timeouts: { longestHeaders?: number; longestRequest?: number }) {
    const { app } = await runningApi()
    const server = await startServer(app, { port: 0, ...timeouts })
    onTestFinished(server.stop)
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write(sent)
    const answer = await readText(socket)
    expect((await fetch(`${server.address}/health/live`)).status).toBe(200)
    return answer
  }

  it('are cut off that do not end their headers', async () => {
    expect(await slowly('GET / HTTP/1.1\r\nHost: localhost\r\nX-', { longestHeaders: 50 })).toMatch(/^HTTP\/1\.1 408/)
  })

  it('are cut off that do not end their request', async () => {
    const head =
      'POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'
    const answer = await slowly(head, { longestHeaders: 50, longestRequest: 100 })
    expect(answer).not.toMatch(/ 200 /)
  })

  it('may keep an idle connection for a while only', async () => {
    const server = await startServer({ fetch: () => new Response('x') }, { port: 0 })
    onTestFinished(server.stop)
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toContain('Keep-Alive: timeout=5')
  })
})
