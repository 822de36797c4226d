import { expect, it } from 'vitest'
import type { PublishResult } from '../../../src/api/dependencies.ts'
import { AppError } from '../../../src/core/errors.ts'
import { picture } from '../fixtures/colour-encoder.ts'
import { postJson, runningApi } from '../fixtures/running-api.ts'

type Published = { outcome: string; pairId: string; imageId: string; status: string; problem: { code: string } | null }
/** Whatever an answer of these routes may hold. */
type Answer = Published & {
  pairs: Published[]
  receipt: string
  embeddedAt: string | null
  indexedAt: string | null
  code: string
  detail: string
}

const base64 = async (colour: 'red' | 'green' | 'blue', variant = 0) =>
  (await picture(colour, variant)).toString('base64')

async function api(overrides?: Parameters<typeof runningApi>[0]) {
  const running = await runningApi(overrides)
  const send = async (path: string, init?: RequestInit) => {
    const response = await running.app.request(path, init)
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Answer,
    }
  }
  return { ...running, send }
}

it('publishes one pair and follows it from accepted over embedded to indexed and erased', async () => {
  const { send, release, indexed, serving, catalogue } = await api()
  const sent = { image: await base64('red'), caption: ' A  red square ', split: 'val', metadata: { album: 'warm' } }
  const accepted = await send('/v1/pairs', postJson(sent))
  expect(accepted.status).toBe(202)
  expect(accepted.body).toMatchObject({
    outcome: 'accepted',
    status: `/v1/pairs/${accepted.body.pairId}`,
    problem: null,
  })
  expect(accepted.headers.get('location')).toBe(accepted.body.status)

  const status = () => send(accepted.body.status)
  const before = await status()
  expect(before.body).toMatchObject({
    pairId: accepted.body.pairId,
    imageId: accepted.body.imageId,
    status: 'accepted',
    caption: 'A red square',
    split: 'validation',
    source: 'http',
    metadata: { album: 'warm' },
    embeddedAt: null,
    indexedAt: null,
    erasedAt: null,
  })
  expect((await send('/v1/pairs', postJson(sent))).body).toMatchObject({
    outcome: 'duplicate',
    pairId: accepted.body.pairId,
  })

  await release('m-1', 'g1')
  const current = serving.current()
  await serving.switchTo(null)
  expect((await status()).body).toMatchObject({ status: 'embedded', indexedAt: null })
  await serving.switchTo(current)
  await indexed('g1')
  const after = (await status()).body
  expect(after.status).toBe('indexed')
  expect(Date.parse(after.indexedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(after.embeddedAt ?? ''))

  const erased = await send(accepted.body.status, { method: 'DELETE' })
  expect(erased.status).toBe(202)
  expect(await send(erased.body.receipt)).toMatchObject({ status: 200, body: { state: 'requested', logCleanBy: null } })
  expect((await status()).body).toMatchObject({ status: 'erased' })
  expect(await send(accepted.body.status, { method: 'DELETE' })).toMatchObject({ status: 202 })
  expect(catalogue.image(accepted.body.imageId)).toBeNull()
  expect(await send('/v1/pairs', postJson(sent))).toMatchObject({ status: 410, body: { code: 'pair-erased' } })
})

it('publishes many and says of each what became of it', async () => {
  const { send } = await api()
  const pairs = [
    { image: await base64('red'), caption: 'red' },
    { image: 'AAAA', caption: 'no picture' },
    { image: '%', caption: 'no base64' },
    { image: await base64('blue'), caption: '  ' },
    { image: await base64('green') },
  ]
  const some = await send('/v1/pairs', postJson({ pairs }))
  expect(some.status).toBe(207)
  expect(some.body.pairs.map(({ outcome, problem }) => problem?.code ?? outcome)).toEqual([
    'accepted',
    'image-type-refused',
    'invalid-request',
    'caption-empty',
    'accepted',
  ])
  const all = await send('/v1/pairs', postJson({ pairs: [pairs[0], pairs[4]] }))
  expect(all.status).toBe(202)
  expect(all.body.pairs).toHaveLength(2)
})

it('takes a form with one picture and its captions, or as many pictures as captions', async () => {
  const { send, catalogue, log } = await api()
  const file = async (colour: 'red' | 'green' | 'blue') =>
    new File([new Uint8Array(await picture(colour))], `${colour}.png`)
  const one = new FormData()
  one.append('image', await file('red'))
  for (const caption of ['first', 'second', 'third']) one.append('caption', caption)
  one.append('metadata', '{"album":"forms"}')
  const captions = await send('/v1/pairs', { method: 'POST', body: one })
  expect(captions.status).toBe(202)
  await catalogue.caughtUp(log)
  expect(catalogue.image(captions.body.pairs[0]?.imageId ?? '')).toMatchObject({
    captions: [{ caption: 'first' }, { caption: 'second' }, { caption: 'third' }],
    source: 'http:red.png',
    metadata: { album: 'forms' },
  })

  const several = new FormData()
  for (const colour of ['green', 'blue'] as const) {
    several.append('image', await file(colour))
    several.append('caption', colour)
  }
  expect((await send('/v1/pairs', { method: 'POST', body: several })).body.pairs).toHaveLength(2)
  several.append('caption', 'one too many')
  expect(await send('/v1/pairs', { method: 'POST', body: several })).toMatchObject({
    status: 400,
    body: { code: 'invalid-request' },
  })

  const single = new FormData()
  single.append('image', await file('blue'))
  const alone = await send('/v1/pairs', { method: 'POST', body: single })
  expect(alone).toMatchObject({ status: 202, body: { outcome: 'accepted' } })
  single.append('metadata', '[1]')
  expect(await send('/v1/pairs', { method: 'POST', body: single })).toMatchObject({
    status: 422,
    body: { code: 'metadata-invalid' },
  })
})

it('answers a single bad pair with its problem', async () => {
  const { send } = await api()
  const image = await base64('red')
  const problemOf = async (body: unknown) => {
    const answer = await send('/v1/pairs', postJson(body))
    return [answer.status, answer.body.code]
  }
  expect(await problemOf({ image, caption: '' })).toEqual([422, 'caption-empty'])
  expect(await problemOf({ image, caption: 'x'.repeat(100_000) })).toEqual([422, 'caption-too-long'])
  expect(await problemOf({ image, caption: 'a\ufffd' })).toEqual([422, 'text-not-utf8'])
  expect(await problemOf({ image, split: 'other' })).toEqual([422, 'split-unknown'])
  expect(await problemOf({ image: btoa('<svg xmlns="http://www.w3.org/2000/svg"/>'), caption: 'a' })).toEqual([
    415,
    'image-type-refused',
  ])
  expect(await problemOf({ image: image.slice(0, 80), caption: 'a' })).toEqual([422, 'image-unreadable'])
  expect(await problemOf({ caption: 'a' })).toEqual([400, 'invalid-request'])
  expect(await problemOf({ pairs: [] })).toEqual([400, 'invalid-request'])
  const inMany = await send('/v1/pairs', postJson({ pairs: [{ image }, { caption: 'a' }] }))
  expect(inMany.body.detail).toMatch(/^pairs\.1\.image: /)
})

it('knows nothing of other ids', async () => {
  const { send } = await api()
  const unknown = '/v1/pairs/0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1'
  expect(await send(unknown)).toMatchObject({ status: 404, body: { code: 'pair-not-found' } })
  expect(await send(unknown, { method: 'DELETE' })).toMatchObject({ status: 404, body: { code: 'pair-not-found' } })
  expect(await send('/v1/erasures/0f6d1f0a-5c34-5c27-9d3f-6f2a55b2f5a1')).toMatchObject({ status: 404 })
  expect(await send('/v1/pairs/7')).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
})

it.each([
  ['publish-unconfirmed', 503, true, 'warn'],
  ['storage-full', 507, true, 'warn'],
  ['log-unavailable', 503, true, 'warn'],
  ['training-failed', 500, false, 'error'],
] as const)('says %s when publishing fails so', async (code, status, retry, level) => {
  const logged: unknown[] = []
  const note = (at: string) => (facts: Readonly<Record<string, unknown>>) =>
    void logged.push([at, facts['code'], facts['err'] instanceof Error])
  const publish = async (): Promise<PublishResult> => Promise.reject(new AppError(code, 'secret words'))
  const logger = { warn: note('warn'), error: note('error') }
  const { send } = await api({ publish, logger })
  const answer = await send('/v1/pairs', postJson({ image: await base64('red') }))
  expect(answer).toMatchObject({ status, body: { code } })
  expect(answer.headers.has('retry-after')).toBe(retry)
  expect(answer.body.detail.includes('secret words')).toBe(status !== 500)
  // Only what is not understood is worth a stack.
  expect(logged).toEqual([[level, code, level === 'error']])
})

it('lists the live pairs page by page', async () => {
  const { send, catalogue, log } = await api()
  for (const colour of ['red', 'green', 'blue'] as const) {
    await send('/v1/pairs', postJson({ image: await base64(colour), caption: `a ${colour} one` }))
  }
  await catalogue.caughtUp(log)
  type Page = { pairs: { pairId: string }[]; next: string | null }
  const page = async (query: string) => (await send(`/v1/pairs${query}`)).body as unknown as Page
  const first = await page('?limit=2')
  expect(first.pairs).toHaveLength(2)
  const second = await page(`?limit=2&cursor=${first.next ?? ''}`)
  expect(second).toMatchObject({ pairs: [{}], next: null })
  const ids = [...first.pairs, ...second.pairs].map(({ pairId }) => pairId)
  expect(ids).toEqual([...new Set(ids)].sort())
  expect((await send('/v1/pairs?limit=0')).status).toBe(400)
})

it.each([
  ['silent', () => new Promise<never>(() => undefined)],
  ['away', () => Promise.reject(new AppError('log-unavailable', 'Start it.'))],
])('tells of pairs what is known while the log is %s', async (_, committedOffsets) => {
  const { send, release, publish, log } = await api()
  const { pairId } = await publish('red', 'a red one')
  await release('m1', 'g1')
  Object.assign(log, { committedOffsets })
  const [one, page] = await Promise.all([send(`/v1/pairs/${pairId}`), send('/v1/pairs')])
  expect(one).toMatchObject({ status: 200, body: { pairId, status: 'indexed' } })
  expect(page).toMatchObject({ status: 200, body: { pairs: [{ pairId, status: 'indexed' }] } })
})

it("carries the request's trace into the log, from the publication to the word that the pair is indexed", async () => {
  const { send, release, indexed, catalogue, log } = await api()
  await release('m-1', 'g1')
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const sent = postJson({ image: await base64('green'), caption: 'a green square' })
  const headers = new Headers(sent.headers)
  headers.set('traceparent', `00-${traceId}-00f067aa0ba902b7-01`)
  await send('/v1/pairs', { ...sent, headers })
  await catalogue.caughtUp(log)
  await indexed('g1')
  const traced = async (topic: 'pairs' | 'pairs.indexed') => {
    for (const [partition, end] of await log.endOffsets(topic)) {
      if (end > 0) return (await log.read(topic, partition, end - 1))?.headers['traceparent']
    }
    return undefined
  }
  const [published, announced] = [await traced('pairs'), await traced('pairs.indexed')]
  for (const traceparent of [published, announced]) {
    expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    expect(traceparent).not.toContain('00f067aa0ba902b7')
  }
  expect(announced).not.toBe(published)
})
