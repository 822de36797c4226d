import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { FeedbackGiven } from '../../../src/core/events.ts'
import { tailRecords } from '../../fixtures/log-consumers.ts'
import { postJson, runningApi } from '../fixtures/running-api.ts'

const [queryId, imageId] = [randomUUID(), randomUUID()]

it('keeps what became of a hit: a click beside an opinion, and of opinions the newest', async () => {
  const { app, log } = await runningApi()
  const give = async (body: object) =>
    (await app.request('/v1/feedback', postJson({ queryId, imageId, ...body }))).status
  expect(await give({ action: 'click', position: 2 })).toBe(202)
  expect(await give({ action: 'up', position: 2 })).toBe(202)
  expect(await give({ action: 'down' })).toBe(202)
  expect(await give({ action: 'up', pairId: randomUUID() })).toBe(202)
  const newest = new Map((await tailRecords(log, ['feedback'], 4)).map(({ key, value }) => [key, value]))
  const actions = [...newest.values()].map((value) => [
    (value as FeedbackGiven).action,
    (value as FeedbackGiven).position,
  ])
  expect(actions).toHaveLength(3)
  expect(actions).toEqual(
    expect.arrayContaining([
      ['click', 2],
      ['down', null],
      ['up', null],
    ]),
  )
  expect([...newest.values()]).toContainEqual(expect.objectContaining({ queryId, imageId, principal: null }))
})

it.each([
  [{ action: 'like' }, 400, 'invalid-request'],
  [{ action: 'up', queryId: 'x' }, 400, 'invalid-request'],
  [{ action: 'up', position: -1 }, 400, 'invalid-request'],
  [{ action: 'up', who: 'me' }, 400, 'invalid-request'],
])('refuses %j', async (body, status, code) => {
  const { app, log } = await runningApi()
  const response = await app.request('/v1/feedback', postJson({ queryId, imageId, ...body }))
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ code })
  expect([...(await log.endOffsets('feedback')).values()]).toEqual([0, 0])
})

it('refuses what is no JSON', async () => {
  const { app } = await runningApi()
  const response = await app.request('/v1/feedback', {
    method: 'POST',
    body: 'action=up',
    headers: { 'content-type': 'text/plain' },
  })
  expect(response.status).toBe(415)
})
