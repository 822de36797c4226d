import { expect, it } from 'vitest'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import { createSearchObserver } from '../../src/telemetry/search-observer.ts'

const isEmpty = (hits: readonly string[]): boolean => hits.length === 0

it('holds against a release what it fails at, not what clients ask wrongly', async () => {
  const observer = createSearchObserver()
  const failing = (error: Error) =>
    expect(observer.observe(() => Promise.reject<string[]>(error), isEmpty, true)).rejects.toBe(error)
  const codes: ErrorCode[] = ['invalid-request', 'invalid-vector', 'image-unreadable', 'image-not-found', 'no-model']
  for (const code of codes) await failing(new AppError(code, 'It is at fault itself.'))
  expect(observer.seen()).toEqual({ searches: 0, emptyAnswers: 0, failures: 0, latency: null })
  await failing(new AppError('index-unavailable', 'The index is away.'))
  await failing(new Error('not understood'))
  expect(observer.seen()).toMatchObject({ searches: 2, failures: 2 })
})

it('counts an empty answer only where it tells of the release', async () => {
  const observer = createSearchObserver()
  await observer.observe(async () => [], isEmpty, false)
  await observer.observe(async () => [], isEmpty, true)
  await observer.observe(async () => ['hit'], isEmpty, true)
  expect(observer.seen()).toMatchObject({ searches: 3, emptyAnswers: 1, failures: 0 })
  observer.restart()
  expect(observer.seen()).toMatchObject({ searches: 0, emptyAnswers: 0 })
})
