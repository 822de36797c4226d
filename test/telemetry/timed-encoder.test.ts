import { expect, it } from 'vitest'
import type { TextOptions } from '../../src/ports/encoder.ts'
import { timedEncoder } from '../../src/telemetry/timed-encoder.ts'
import { createWordEncoder } from '../consumers/word-encoder.ts'

it('tells how long pictures and captions took, each by its kind, and nothing of calls without any', async () => {
  const encoder = createWordEncoder('m-1')
  const observed: string[] = []
  const timed = timedEncoder(encoder, (kind, seconds) => void observed.push(`${kind} ${seconds > 0}`))
  const image = { imageId: null, bytes: async () => new Uint8Array([1]) }
  expect(await timed.encodeImages([image])).toEqual(await encoder.encodeImages([image]))
  expect(await timed.encodeTexts(['a dog'])).toEqual(await encoder.encodeTexts(['a dog']))
  expect(await timed.encodeTexts([])).toEqual([])
  expect(await timed.encodeImages([])).toEqual([])
  expect(observed).toEqual(['image true', 'caption true'])
  expect(timed.modelVersion).toBe('m-1')
})

it('passes on what ends the encoding of pictures, and what is known of captions', async () => {
  const { signal } = new AbortController()
  const given: unknown[] = []
  const encoder = {
    ...createWordEncoder('m-1'),
    async encodeImages(_images: unknown, stop?: AbortSignal) {
      given.push(stop)
      return []
    },
    async encodeTexts(_texts: unknown, options?: TextOptions) {
      given.push(options)
      return []
    },
  }
  await timedEncoder(encoder, () => undefined).encodeImages([{ imageId: null, bytes: async () => new Uint8Array() }], signal) // prettier-ignore
  const options = { pairIds: ['a pair'], signal }
  await timedEncoder(encoder, () => undefined).encodeTexts(['a dog'], options)
  expect(given).toEqual([signal, options])
})
