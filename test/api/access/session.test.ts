import { describe, expect, it } from 'vitest'
import { isLoopback } from '../../../src/access-settings.ts'
import { sha256Hex } from '../../../src/core/ids.ts'
import { runningApi } from '../fixtures/running-api.ts'
import { AUDIENCE, claims, ISSUER, signedWith } from './issuer.ts'

const SECRET = 'a secret that is long enough for HS256'
const KEY = 'a-key-of-a-publisher'
const choice = {
  required: true,
  jwt: { keys: { secret: new TextEncoder().encode(SECRET) }, issuer: ISSUER, audience: AUDIENCE, clockSkew: 0, rolesClaim: 'roles' }, // prettier-ignore
  keys: [{ role: 'publisher', scopes: null, hash: sha256Hex(KEY) }],
  trustedProxies: ['10.0.0.0/8'],
} as const

async function signedIn(credential: string, clock = Date.now) {
  const api = await runningApi({}, choice, clock)
  const bearer = { authorization: `Bearer ${credential}` }
  const answer = await api.app.request('/v1/session', { method: 'POST', headers: bearer })
  const cookie = answer.headers.get('set-cookie') ?? ''
  const session = cookie.split(';')[0] ?? ''
  const get = (path: string, { method = 'GET' } = {}) => api.app.request(path, { method, headers: { cookie: session } })
  return { ...api, answer, cookie, session, get }
}

describe('a session', () => {
  it('shows pictures to a browser, which cannot send a header with them', async () => {
    const api = await signedIn(KEY)
    expect(api.answer.status).toBe(200)
    expect(await api.answer.json()).toMatchObject({ principal: expect.stringMatching(/^key:setting-/) as string })
    expect(api.cookie).toMatch(/^pairstream_session=[^;]+; Path=\/v1\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
    const { imageId } = await api.publish('red', 'a red field')
    await api.catalogue.caughtUp(api.log)
    const picture = `/v1/images/${imageId}/content`
    expect((await api.app.request(picture)).status).toBe(401)
    const shown = await api.get(picture)
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/png'])
    // The bytes of a picture never change; what a guarded answer holds otherwise stays out of caches.
    expect(shown.headers.get('cache-control')).toContain('immutable')
  })

  it('only reads', async () => {
    const { get } = await signedIn(KEY)
    expect((await get('/v1/status')).status).toBe(200)
    for (const [path, method] of [
      ['/v1/pairs', 'POST'],
      ['/v1/search', 'POST'],
      ['/v1/session', 'POST'],
    ] as const)
      // prettier-ignore
      expect((await get(path, { method })).status, path).toBe(401)
  })

  it('has the roles of its token, and ends with it', async () => {
    let now = Date.now()
    const exp = Math.floor(now / 1_000) + 120
    const { answer, get } = await signedIn(await signedWith(SECRET, claims({ exp, roles: ['reader'] })), () => now)
    const body = (await answer.json()) as { expiresAt: string; principal: string; permissions: string[] }
    expect(body).toMatchObject({ principal: expect.stringMatching(/^user:/) as string })
    expect(body.permissions).toContain('search')
    expect(Date.parse(body.expiresAt)).toBe(exp * 1_000)
    expect((await get('/v1/status')).status).toBe(200)
    expect((await get('/metrics')).status).toBe(403)
    now = exp * 1_000
    const ended = await get('/v1/status')
    expect([ended.status, await ended.json()]).toMatchObject([401, { detail: 'The session has ended; sign in again.' }])
  })

  it('ends within five seconds of the revocation of its key', async () => {
    let now = Date.now()
    const api = await runningApi({}, choice, () => now)
    const { key, text } = await api.keys.create({ name: '', role: 'reader', scopes: null, createdBy: 'cli:x', expiresAt: null }) // prettier-ignore
    const answer = await api.app.request('/v1/session', { method: 'POST', headers: { 'x-api-key': text } })
    const headers = { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' }
    expect((await api.app.request('/v1/status', { headers })).status).toBe(200)
    await api.keys.revoke(key.id, 'cli:x')
    now += 5_000
    expect((await api.app.request('/v1/status', { headers })).status).toBe(401)
  })

  it('cannot be made up or changed', async () => {
    const { app, session } = await signedIn(KEY)
    const [header = '', payload = '', signature = ''] = session.replace('pairstream_session=', '').split('.')
    const other = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const admin = Buffer.from(JSON.stringify({ ...other, proof: { type: 'token', roles: ['admin'], expiresAt: 9e15 } })).toString('base64url') // prettier-ignore
    const byIssuer = await signedWith(SECRET, claims())
    for (const text of [[header, admin, signature].join('.'), [header, payload, ''].join('.'), byIssuer, 'x', '']) {
      const answer = await app.request('/v1/status', { headers: { cookie: `pairstream_session=${text}` } })
      expect(answer.status, text).toBe(401)
    }
  })

  it('is forgotten by the browser when it is told so, and says Secure behind a proxy that speaks TLS', async () => {
    const { app } = await signedIn(KEY)
    const closed = await app.request('/v1/session', { method: 'DELETE' })
    expect([closed.status, closed.headers.get('set-cookie')]).toMatchObject([204, expect.stringContaining('Max-Age=0')])
    const headers = { 'x-api-key': KEY, 'x-forwarded-proto': 'https' }
    const from = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } })
    const over = async (remote: string) =>
      (await app.request('/v1/session', { method: 'POST', headers }, from(remote))).headers.get('set-cookie')
    expect(await over('10.1.2.3')).toContain('Secure')
    expect(await over('192.0.2.1')).not.toContain('Secure')
  })
})

describe('a server that asks nobody', () => {
  it('answers under names of its machine alone, so that no page elsewhere passes for its own', async () => {
    const { app } = await runningApi()
    const at = async (host: string) => (await app.request(`http://${host}/v1/status`)).status
    expect(await Promise.all(['localhost:8080', '127.0.0.1', '[::1]:8080', '127.9.9.9'].map(at))).toEqual([200, 200, 200, 200]) // prettier-ignore
    expect(await Promise.all(['rebound.example', '192.0.2.1', 'localhost.example', '127.0.0.1.example'].map(at))).toEqual([403, 403, 403, 403]) // prettier-ignore
    expect((await app.request('http://rebound.example/health/live')).status).toBe(200)
    expect(isLoopback('0.0.0.0')).toBe(false)
  })

  it('gives no cookie', async () => {
    const { app } = await runningApi()
    const answer = await app.request('/v1/session', { method: 'POST' })
    expect([await answer.json(), answer.headers.get('set-cookie')]).toMatchObject([{ principal: 'local', expiresAt: null }, null]) // prettier-ignore
  })
})
