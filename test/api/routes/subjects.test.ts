import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/ids.ts'
import { feedbackKey } from '../../../src/core/feedback.ts'
import { readNewest } from '../../../src/ports/newest-records.ts'
import { topicValues } from '../../fixtures/topic-values.ts'
import { postJson, runningApi, type RunningApi } from '../fixtures/running-api.ts'

const subject = 'person/7 é'
const address = `/v1/subjects/${encodeURIComponent(subject)}`

/** A subject with two pictures, a query, and feedback; another with one of each; and a hit of the subject's that the other judged. */
async function twoPeople(api: RunningApi) {
  const own = [
    await api.publish('red', 'a red square', { subject }),
    await api.publish('blue', 'a blue square', { subject }),
  ]
  const others = await api.publish('red', 'a red square', { subject: 'another' })
  const query = async (principal: string) => {
    const value = { ...topicValues.queries, queryId: randomUUID(), principal }
    await api.log.append([{ topic: 'queries', key: value.queryId, value }])
    return value
  }
  const [asked, other] = [await query(subject), await query('another')]
  const judge = async (queryId: string, principal: string | null) => {
    const value = { ...topicValues.feedback, queryId, principal, imageId: randomUUID() }
    await api.log.append([{ topic: 'feedback', key: feedbackKey(value), value }])
    return value
  }
  const given = [await judge(asked.queryId, null), await judge(other.queryId, subject)]
  const kept = await judge(other.queryId, 'another')
  await api.catalogue.caughtUp(api.log)
  return { own, others, asked, other, given, kept }
}

const exported = async ({ app }: RunningApi, path = address) => {
  const response = await app.request(`${path}/export`)
  expect(response.status).toBe(200)
  return (await response.json()) as Record<'pairs' | 'queries' | 'feedback', Record<string, unknown>[]>
}

it('hands out everything of a person, and nothing of another', async () => {
  const api = await runningApi()
  const { own, asked, given } = await twoPeople(api)
  const { pairs, queries, feedback } = await exported(api)
  expect(pairs.map(({ pairId }) => pairId).sort()).toEqual(own.map(({ pairId }) => pairId).sort())
  expect(pairs).toContainEqual(expect.objectContaining({ caption: 'a red square', image: expect.stringMatching(/^\/v1\/images\/.+\/content$/) as string })) // prettier-ignore
  expect(queries).toEqual([expect.objectContaining({ queryId: asked.queryId, text: asked.text })])
  expect(feedback.map(({ imageId }) => imageId).sort()).toEqual(given.map(({ imageId }) => imageId).sort())
  expect(await exported(api, '/v1/subjects/nobody')).toMatchObject({ pairs: [], queries: [], feedback: [] })
})

it('erases everything of a person and keeps what is of others; once more changes nothing', async () => {
  const api = await runningApi()
  const { own, others, other, kept } = await twoPeople(api)
  const erase = async () => (await api.app.request(address, { method: 'DELETE' })).json()
  expect(await erase()).toEqual({
    subject,
    pairs: expect.arrayContaining(own.map(({ pairId }) => ({ pairId, receipt: `/v1/erasures/${pairId}` }))) as unknown,
    queries: 1,
    feedback: 2,
  })
  await api.catalogue.caughtUp(api.log)
  expect(await exported(api)).toMatchObject({ pairs: [], queries: [], feedback: [] })
  for (const { pairId } of own) expect(api.catalogue.isErased(pairId)).toBe(true)
  expect(api.catalogue.isLivePair(others.pairId)).toBe(true)
  expect([...(await readNewest(api.log, 'queries')).values.keys()]).toEqual([other.queryId])
  expect([...(await readNewest(api.log, 'feedback')).values.values()]).toEqual([kept])
  expect(await erase()).toEqual({ subject, pairs: [], queries: 0, feedback: 0 })
})

it('knows by their credentials who searched and judged, and forgets them', async () => {
  const [KEY, OTHER] = ['the-key-of-an-admin', 'the-key-of-a-reader']
  const keys = [
    { role: 'admin', scopes: null, hash: sha256Hex(KEY) },
    { role: 'reader', scopes: null, hash: sha256Hex(OTHER) },
  ] as const
  const api = await runningApi({}, { required: true, jwt: null, keys, trustedProxies: [] })
  await api.publish('red', 'a red square')
  await api.release('m-1', 'g1')
  const as = (key: string, init: RequestInit = {}): RequestInit => ({
    ...init,
    headers: { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${key}` },
  })
  const send = async (key: string, path: string, init?: RequestInit) => (await (await api.app.request(path, as(key, init))).json()) as Record<string, unknown> // prettier-ignore
  const { queryId } = await send(OTHER, '/v1/search?q=red')
  await send(OTHER, '/v1/search', postJson({ queries: [{ text: 'blue' }, { text: 'ada@example.org' }] }))
  await send(OTHER, '/search_images_by_text', postJson({ query: 'green' }))
  await send(KEY, '/v1/search?q=yellow')
  await send(KEY, '/v1/feedback', postJson({ queryId, action: 'up', imageId: randomUUID() }))
  await api.queriesKept()

  const { values } = await readNewest(api.log, 'queries')
  const reader = [...values.values()].find(({ text }) => text === 'red')?.principal ?? ''
  const path = `/v1/subjects/${encodeURIComponent(reader)}`
  const texts = async () =>
    ((await send(KEY, `${path}/export`))['queries'] as { text: string }[]).map(({ text }) => text)
  expect((await texts()).sort()).toEqual(['[email]', 'blue', 'green', 'red'])
  expect(await send(OTHER, path, { method: 'DELETE' })).toMatchObject({ code: 'forbidden' })
  expect(await send(KEY, path, { method: 'DELETE' })).toMatchObject({ queries: 4, feedback: 1 })
  expect(await texts()).toEqual([])
  expect([...(await readNewest(api.log, 'queries')).values.values()].map(({ text }) => text)).toEqual(['yellow'])
})

it('takes every subject that a pair may name', async () => {
  const api = await runningApi()
  const longest = 'x'.repeat(256)
  const { pairId } = await api.publish('red', 'a red square', { subject: longest })
  const erased = await api.app.request(`/v1/subjects/${longest}`, { method: 'DELETE' })
  expect(await erased.json()).toMatchObject({ pairs: [{ pairId }] })
})
