import { describe, expect, it } from 'vitest'
import { anyone, permissionIn, routePermissions } from '../../../src/api/access/route-permissions.ts'
import { sha256Hex } from '../../../src/core/ids.ts'
import { accessRoles, allPermissions, rolePermissions, type AccessRole } from '../../../src/core/permissions.ts'
import { runningApi } from '../fixtures/running-api.ts'

const keyOf = (role: AccessRole): string => `key-of-a-${role}-in-tests`
const required = {
  required: true,
  jwt: null,
  keys: accessRoles.map((role) => ({ role, scopes: null, hash: sha256Hex(keyOf(role)) })),
  trustedProxies: [],
}
const unknownId = '0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1'

type Operation = { readonly security: readonly object[]; readonly responses: Readonly<Record<string, object>> }
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly securitySchemes: object }
}

async function guardedApi() {
  const api = await runningApi({}, required)
  const document = (await (await api.app.request('/openapi.json')).json()) as Document
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  const send = (method: string, path: string, role: AccessRole | null, headers: Record<string, string> = {}) =>
    api.app.request(path.replace('{id}', unknownId), {
      method: method.toUpperCase(),
      headers: role === null ? headers : { authorization: `Bearer ${keyOf(role)}`, ...headers },
    })
  return { ...api, document, operations, send }
}

describe('every route', () => {
  it('lets in whoever has its permission, and nobody else', async () => {
    const { operations, send, app } = await guardedApi()
    const walked: string[] = []
    for (const { method, path, operation } of operations) {
      const permission = permissionIn(operation)
      const name = `${method} ${path}`
      if (permission !== null) walked.push(permission)
      const alone = await send(method, path, null)
      if (permission === null) {
        expect([401, 403], name).not.toContain(alone.status)
        continue
      }
      expect([alone.status, alone.headers.get('www-authenticate')], name).toEqual([401, 'Bearer'])
      expect(await alone.json()).toMatchObject({ code: 'unauthenticated' })
      if (method === 'get') expect((await send('head', path, null)).status, name).toBe(401)
      const wrong = await app.request(path, { method: method.toUpperCase(), headers: { 'x-api-key': 'wrong' } })
      expect(wrong.status, name).toBe(401)
      for (const role of accessRoles) {
        const answer = await send(method, path, role)
        const isAllowed = new Set<string>(rolePermissions[role]).has(permission)
        if (isAllowed) expect([401, 403], `${name} as ${role}`).not.toContain(answer.status)
        else {
          expect(answer.status, `${name} as ${role}`).toBe(403)
          const problem = { code: 'forbidden', detail: expect.stringContaining(permission) as string }
          expect(await answer.json()).toMatchObject(problem)
        }
      }
    }
    expect(new Set(walked)).toEqual(new Set(allPermissions))
  })

  it('that is in the app is in the document, or says beside its path that it answers everybody', async () => {
    const { app, operations } = await guardedApi()
    const documented = new Set(operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`))
    const open = new Set(
      app.routes.filter(({ handler }) => handler === anyone).map(({ method, path }) => `${method} ${path}`),
    )
    const routes = app.routes.filter(({ method }) => method !== 'ALL')
    expect(routes.length).toBeGreaterThan(20)
    for (const { method, path } of routes) {
      const name = `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`
      expect(documented.has(name) || open.has(`${method} ${path}`), name).toBe(true)
    }
    expect([...open].sort()).toEqual(['GET /docs', 'GET /docs.css', 'GET /openapi.json', 'GET /problems/:code'])
  })

  it('shows in the document what it asks for', async () => {
    const { document, operations } = await guardedApi()
    expect(Object.keys(document.components.securitySchemes)).toEqual(['token', 'key', 'session'])
    for (const { method, path, operation } of operations) {
      const permission = permissionIn(operation)
      const schemes = operation.security.flatMap((one) => Object.keys(one))
      const expected = method === 'get' ? ['token', 'key', 'session'] : ['token', 'key']
      expect(schemes, `${method} ${path}`).toEqual(permission === null ? [] : expected)
      if (permission !== null)
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '429']))
    }
  })
})

it('is not taken where it does not say what it needs', async () => {
  const { app } = await runningApi()
  expect(() => routePermissions(app)).not.toThrow()
  app.get('/forgotten', (context) => context.text('open to all'))
  expect(() => routePermissions(app)).toThrow(/GET \/forgotten does not say/)
})

describe('credentials', () => {
  it('are taken as a bearer, or as a key, and a bearer goes before', async () => {
    const { app } = await guardedApi()
    const status = async (headers: Record<string, string>) => (await app.request('/v1/status', { headers })).status
    expect(await status({ authorization: `bearer ${keyOf('reader')}` })).toBe(200)
    expect(await status({ 'x-api-key': keyOf('reader') })).toBe(200)
    expect(await status({ 'x-api-key': keyOf('reader'), authorization: 'Bearer wrong' })).toBe(401)
    expect(await status({ authorization: 'Basic YWRhOmE=' })).toBe(401)
  })

  it('keep answers out of what keeps copies on the way', async () => {
    const { send } = await guardedApi()
    expect((await send('get', '/v1/status', 'reader', {})).headers.get('cache-control')).toBe('no-store')
  })
})
