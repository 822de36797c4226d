import { expect, it } from 'vitest'
import { onceThere } from '../../src/commands/once-there.ts'
import { AppError } from '../../src/core/errors.ts'

const away = new AppError('log-unavailable', 'No broker answers.')
const { signal } = new AbortController()

it('tries again while a server is away, and tells of it', async () => {
  const told: string[] = []
  let attempts = 0
  const attempt = async () => {
    if (++attempts === 1) throw away
    return 'there'
  }
  expect(await onceThere(attempt, ({ code }) => told.push(code), signal)).toBe('there')
  expect(told).toEqual(['log-unavailable'])
})

it('does not wait for what will not come: what is at fault, a stop, and the failure of what it hangs on', async () => {
  const invalid = new AppError('configuration-invalid', 'There is no such folder.')
  const unwaited = () => {
    throw new Error('nothing is waited for')
  }
  await expect(onceThere(() => Promise.reject(invalid), unwaited, signal)).rejects.toBe(invalid)
  await expect(onceThere(() => Promise.reject(away), unwaited, AbortSignal.abort())).rejects.toBe(away)
  const stopping = new AbortController()
  const waiting = onceThere(() => Promise.reject(away), () => stopping.abort(), stopping.signal) // prettier-ignore
  await expect(waiting).rejects.toBe(away)
  const broken = new Error('the fold has ended')
  const failed = Promise.reject(broken)
  await expect(
    onceThere(
      () => Promise.reject(away),
      () => undefined,
      signal,
      failed,
    ),
  ).rejects.toBe(broken)
})
