import { expect, it } from 'vitest'
import type { Audited } from '../../src/api/dependencies.ts'
import { AppError } from '../../src/core/errors.ts'
import { sha256Hex } from '../../src/core/ids.ts'
import { accessRoles, type AccessRole } from '../../src/core/permissions.ts'
import { picture } from './fixtures/colour-encoder.ts'
import { postJson, runningApi } from './fixtures/running-api.ts'

const keyOf = (role: AccessRole): string => `key-of-a-${role}-in-tests`
const choice = {
  required: true,
  jwt: null,
  keys: accessRoles.map((role) => ({ role, scopes: null, hash: sha256Hex(keyOf(role)) })),
  trustedProxies: [],
}
const as = (role: AccessRole, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${keyOf(role)}` },
})
const idOf = (role: AccessRole): string => `key:setting-${sha256Hex(keyOf(role)).slice(0, 12)}`

type Page = { readonly entries: readonly Record<string, unknown>[]; readonly next: number | null }

async function auditedApi() {
  const api = await runningApi({}, choice)
  const page = async (query = '') => (await (await api.app.request(`/v1/audit${query}`, as('admin'))).json()) as Page
  const pair = async (colour: 'red' | 'blue', caption: string) => ({
    image: Buffer.from(await picture(colour)).toString('base64'),
    caption,
  })
  return { ...api, page, pair }
}

it('has every change: announced, with what became of it, by whom, and in which trace', async () => {
  const { app, page, pair, publish, catalogue, log } = await auditedApi()
  const { pairId } = await publish('red', 'a red field')
  await catalogue.caughtUp(log)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
  expect((await app.request(`/v1/pairs/${pairId}`, as('operator', { method: 'DELETE', headers }))).status).toBe(202)
  const gone = '0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1'
  expect((await app.request(`/v1/pairs/${gone}`, as('operator', { method: 'DELETE' }))).status).toBe(404)
  expect((await app.request('/v1/retraining', as('operator', { method: 'POST' }))).status).toBe(202)
  const pairs = [await pair('blue', 'a blue field'), await pair('red', 'red again'), await pair('red', '')]
  expect((await app.request('/v1/pairs', as('publisher', postJson({ pairs })))).status).toBe(207)
  expect((await app.request('/v1/retraining', as('reader', { method: 'POST' }))).status).toBe(403)
  await page()
  const { entries } = await page()
  const told = entries.map(({ principal, action, object, count, outcome }) => [
    principal,
    action,
    object,
    count,
    outcome,
  ])
  expect(told.reverse()).toEqual([
    [idOf('operator'), 'pairs:erase', pairId, 1, 'asked'],
    [idOf('operator'), 'pairs:erase', pairId, 1, 'ok'],
    [idOf('operator'), 'pairs:erase', gone, 1, 'asked'],
    [idOf('operator'), 'pairs:erase', gone, 1, 'pair-not-found'],
    [idOf('operator'), 'retraining:request', null, 1, 'asked'],
    [idOf('operator'), 'retraining:request', null, 1, 'ok'],
    [idOf('publisher'), 'pairs:publish', null, 2, 'ok'],
    [idOf('reader'), 'retraining:request', null, 1, 'forbidden'],
    [idOf('admin'), 'audit:read', null, 1, 'ok'],
  ])
  expect(entries.at(-1)).toMatchObject({ traceId, at: expect.stringMatching(/^\d{4}-/) as string })
  expect(catalogue.erasure(pairId)?.requestedBy).toBe(idOf('operator'))
})

it('is read page by page', async () => {
  const { page } = await auditedApi()
  for (let time = 0; time < 5; time++) await page()
  const first = await page('?limit=2')
  expect(first.entries.map(({ offset }) => offset)).toEqual([4, 3])
  const second = await page(`?limit=2&before=${first.next ?? ''}`)
  expect(second.entries.map(({ offset }) => offset)).toEqual([2, 1])
  expect(await page(`?limit=2&before=${second.next ?? ''}`)).toMatchObject({ entries: [{ offset: 0 }], next: null })
})

it('refuses a change that cannot be written down, and withholds other answers', async () => {
  const recorded: Audited[] = []
  const record = async (fact: Audited): Promise<void> => {
    recorded.push(fact)
    throw new AppError('log-unavailable', 'It is away.')
  }
  const erased: string[] = []
  const api = await runningApi({
    audit: { record, page: async () => [] },
    erase: async (pairId) => void erased.push(pairId),
  })
  const { pairId } = await api.publish('red', 'a red field')
  await api.catalogue.caughtUp(api.log)
  const send = async (path: string, init: RequestInit = {}) => (await api.app.request(path, init)).status
  expect(await send(`/v1/pairs/${pairId}`, { method: 'DELETE' })).toBe(503)
  expect(await send('/v1/retraining', { method: 'POST' })).toBe(503)
  expect(erased).toEqual([])
  expect(await send('/v1/audit')).toBe(503)
  const image = Buffer.from(await picture('blue')).toString('base64')
  expect(await send('/v1/pairs', postJson({ image, caption: 'a blue field' }))).toBe(503)
  // What failed by itself is told as what it is.
  expect(await send('/v1/pairs', postJson({ image: '!', caption: 'x' }))).toBe(400)
  expect(await send('/v1/status')).toBe(200)
  expect(recorded.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    'pairs:erase asked',
    'retraining:request asked',
    'audit:read ok',
    'pairs:publish ok',
    'pairs:publish invalid-request',
  ])
})
