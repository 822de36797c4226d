import { expect, it } from 'vitest'
import { createEncoderPool } from '../../src/models/encoder-pool.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { createColourEncoder } from '../api/fixtures/colour-encoder.ts'
import { promise } from '../fixtures/log-consumers.ts'

it('lets go of whoever is stopped while a model is fetched, and closes it if nobody is left', async () => {
  const fetched = promise<Encoder>()
  const closed = promise()
  const pool = createEncoderPool(() => fetched.promise)
  const stopping = new AbortController()
  const patient = pool.open('m-1')
  const stopped = expect(pool.open('m-1', stopping.signal)).rejects.toMatchObject({ code: 'not-ready' })
  const second = new AbortController()
  const alone = createEncoderPool(() => fetched.promise)
  const left = expect(alone.open('m-1', second.signal)).rejects.toMatchObject({ code: 'not-ready' })
  stopping.abort()
  second.abort()
  await Promise.all([stopped, left])
  fetched.resolve(createColourEncoder('m-1', closed.resolve))
  await closed.promise
  expect((await patient).modelVersion).toBe('m-1')
})

it('tries a model that could not be opened again', async () => {
  let attempts = 0
  const pool = createEncoderPool(async () => {
    if (++attempts === 1) throw new Error('not yet')
    return createColourEncoder('m-1', () => undefined)
  })
  await Promise.all([1, 2].map(() => expect(pool.open('m-1')).rejects.toThrow('not yet')))
  expect((await pool.open('m-1')).modelVersion).toBe('m-1')
})
