import { describe, expect, it } from 'vitest'
import { drawSplit, type Split } from '../../src/core/split.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { harness, publication, tombstoneOf } from './catalogue-harness.ts'

const splitOfImage = async (...claims: readonly [image: string, split: Split | null, hash?: string][]) => {
  const { log, follow } = await harness()
  const { catalogue } = await follow()
  const events = claims.map(([image, split, perceptualHash = null], i) =>
    pairEvent(image, `caption ${i}`, { split, perceptualHash }),
  )
  await log.append(events.map(publication))
  await catalogue.caughtUp(log)
  return events.map(({ imageId }) => catalogue.image(imageId)?.split)
}

/** Names whose draw is as wanted. */
const drawn = (split: Split): string => {
  for (let i = 0; ; i++) if (drawSplit(`hash ${i}`) === split) return `hash ${i}`
}

describe('the sets of images', () => {
  it('are what the source names, and what is drawn where it names none', async () => {
    const [named, unnamed] = await splitOfImage(['one', 'test'], ['two', null, drawn('fresh')])
    expect([named, unnamed]).toEqual(['test', 'fresh'])
  })

  it('hold for later captions of the image that name none', async () => {
    expect(await splitOfImage(['one', 'test'], ['one', null], ['one', 'test'])).toEqual(['test', 'test', 'test'])
  })

  it('become validation where an image is named for two', async () => {
    expect(await splitOfImage(['one', 'test'], ['one', 'train'])).toEqual(['validation', 'validation'])
    expect(await splitOfImage(['one', null, drawn('train')], ['one', 'test'])).toEqual(['validation', 'validation'])
  })

  it('are shared by near-duplicates, in any order', async () => {
    const hash = drawn('train')
    expect(await splitOfImage(['one', null, hash], ['two', 'train', hash])).toEqual(['train', 'train'])
    expect(await splitOfImage(['one', 'test', hash], ['two', 'train', hash])).toEqual(['validation', 'validation'])
    expect(await splitOfImage(['one', 'test', hash], ['two', null, hash])).toEqual(['validation', 'validation'])
    expect(await splitOfImage(['two', null, hash], ['one', 'test', hash])).toEqual(['validation', 'validation'])
  })

  it('take the pairs of a group out of the counts when it moves to validation', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const events = ['a', 'b', 'c'].map((caption, i) =>
      pairEvent(`image ${i}`, caption, { split: 'train', perceptualHash: 'same' }),
    )
    await log.append(events.map(publication))
    await catalogue.caughtUp(log)
    expect(catalogue.counts().counted).toBe(3)
    await log.append([publication(pairEvent('image 3', 'd', { split: 'test', perceptualHash: 'same' }))])
    await catalogue.caughtUp(log)
    expect(catalogue.counts()).toEqual({ images: 4, pairs: 4, counted: 0, base: 0 })
    expect([...catalogue.livePairs()].map(({ split, splitKey }) => [split, splitKey])).toEqual(
      Array(4).fill(['validation', 'same']),
    )
  })

  it('outlive the image', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const first = pairEvent('one', 'first', { split: 'test' })
    const second = pairEvent('one', 'second', { split: null })
    await log.append([publication(first), tombstoneOf(first), publication(second)])
    await catalogue.caughtUp(log)
    expect(catalogue.image(first.imageId)?.split).toBe('test')
  })
})
