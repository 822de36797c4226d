import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createTokenBuckets } from '../../../src/api/limits/token-buckets.ts'

it('lets through what the bucket holds, then as many as it gets', () => {
  let now = 0
  const buckets = createTokenBuckets(60, () => now)
  for (let left = 59; left >= 0; left--) expect(buckets.take('a')).toMatchObject({ isAllowed: true, remaining: left })
  expect(buckets.take('a')).toEqual({ isAllowed: false, remaining: 0, nextIn: 1, fullIn: 60 })
  expect(buckets.take('b').isAllowed).toBe(true)
  now = 1_000
  expect(buckets.take('a', 0)).toMatchObject({ isAllowed: true, remaining: 1, nextIn: 0 })
  expect(buckets.take('a').isAllowed).toBe(true)
  expect(buckets.take('a').isAllowed).toBe(false)
  now = 0
  expect(buckets.take('a').isAllowed).toBe(false)
})

it('never lets through more than the bucket holds and gets, and says when the next is let through', () => {
  const steps = fc.array(fc.tuple(fc.nat(5_000), fc.nat(30)), { maxLength: 30 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 600 }), steps, (perMinute, attempts) => {
      let now = 0
      let allowed = 0
      const buckets = createTokenBuckets(perMinute, () => now)
      for (const [pause, count] of attempts) {
        now += pause
        for (let each = 0; each < count; each++) if (buckets.take('a').isAllowed) allowed++
        expect(allowed).toBeLessThanOrEqual(perMinute + (now * perMinute) / 60_000 + 1e-6)
      }
      now += buckets.take('a', 0).nextIn * 1_000
      expect(buckets.take('a').isAllowed).toBe(true)
    }),
  )
})

it('keeps no more buckets than it may, and forgets the ones that were used least lately', () => {
  const buckets = createTokenBuckets(1, () => 0, 3)
  for (const key of ['a', 'b', 'c']) expect(buckets.take(key).isAllowed).toBe(true)
  expect(buckets.take('a').isAllowed).toBe(false)
  expect(buckets.take('d').isAllowed).toBe(true)
  expect(buckets.take('a').isAllowed).toBe(false)
  expect(buckets.take('b').isAllowed).toBe(true)
})
