import { expect, it } from 'vitest'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import { createSearchObserver } from '../../src/telemetry/search-observer.ts'

const telling = (scores: readonly number[]): readonly number[] => scores

it('holds against a release what it fails at, not what clients ask wrongly', async () => {
  const observer = createSearchObserver()
  const failing = (error: Error) =>
    expect(observer.observe(() => Promise.reject<number[]>(error), telling)).rejects.toBe(error)
  const codes: ErrorCode[] = ['invalid-request', 'invalid-vector', 'image-unreadable', 'image-not-found', 'no-model']
  for (const code of codes) await failing(new AppError(code, 'It is at fault itself.'))
  expect(observer.seen()).toEqual({
    searches: 0,
    telling: 0,
    emptyAnswers: 0,
    bestScores: [],
    failures: 0,
    latency: null,
  })
  await failing(new AppError('index-unavailable', 'The index is away.'))
  await failing(new Error('not understood'))
  expect(observer.seen()).toMatchObject({ searches: 2, failures: 2 })
})

it('remembers answers only where they tell of the release', async () => {
  const observer = createSearchObserver()
  await observer.observe(
    async () => [],
    () => null,
  )
  await observer.observe(async () => [0.5, 0.4], telling)
  await observer.observe(async () => [], telling)
  await observer.observe(async () => [0.7], telling)
  expect(observer.seen()).toMatchObject({
    searches: 4,
    telling: 3,
    emptyAnswers: 1,
    bestScores: [0.5, 0.7],
    failures: 0,
  })
  observer.restart()
  expect(observer.seen()).toMatchObject({ searches: 0, telling: 0, emptyAnswers: 0, bestScores: [] })
})
