import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pairIdOf, pairKey } from '../../src/core/ids.ts'
import { partitionOf } from '../../src/core/partition.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { harness, PARTITIONS, publication, tombstoneOf } from './catalogue-harness.ts'

/** The bytes of a catalogue's files, as someone who finds the disk would search them. */
function contents(folder: string, name = 'catalogue.db'): string {
  const files = ['', '-wal'].map((suffix) => join(folder, `${name}${suffix}`)).filter((path) => existsSync(path))
  return files.map((path) => readFileSync(path, 'latin1')).join('')
}

describe('the fold of pairs', () => {
  it('leaves nothing of an erased pair in its files', async () => {
    const { log, folder, follow } = await harness()
    const { catalogue } = await follow()
    const secrets = ['zanzibar', 'quetzal', 'xylophone', 'wolverine']
    const caption = 'the zanzibar of a quetzal'
    const subject = 'person xylophone'
    const secret = pairEvent('one', caption, {
      subject,
      pairId: pairIdOf(pairEvent('one', caption).imageId, caption, subject),
      source: 'camera of wolverine',
      metadata: { who: 'xylophone', where: 'zanzibar' },
    })
    const others = Array.from({ length: 300 }, (_, i) =>
      publication(pairEvent(`image ${i % 40}`, `an ordinary caption ${i}`)),
    )
    await log.append([
      ...others,
      publication(secret),
      publication(pairEvent('one', 'what stays')),
      ...others.slice(0, 50),
    ])
    await catalogue.caughtUp(log)
    expect(secrets.filter((word) => contents(folder).includes(word))).toEqual(secrets)

    await log.append([tombstoneOf(secret)])
    await catalogue.caughtUp(log)
    expect(secrets.filter((word) => contents(folder).includes(word))).toEqual([])
    expect(catalogue.pair(secret.pairId)).toMatchObject({ erased: true, caption: null, subject: null, metadata: {} })
    expect(catalogue.searchText('what stays', 5, 0)).toHaveLength(1)
  })

  it('describes an image by its newest live pair', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const first = pairEvent('one', 'first', { metadata: { from: 'first' }, source: 'first' })
    const second = pairEvent('one', 'second', { metadata: { from: 'second' }, source: 'second' })
    await log.append([publication(first), publication(second)])
    await catalogue.caughtUp(log)
    expect(catalogue.image(first.imageId)).toMatchObject({ metadata: { from: 'second' }, source: 'second' })
    await log.append([tombstoneOf(second)])
    await catalogue.caughtUp(log)
    const image = catalogue.image(first.imageId)
    expect(image).toMatchObject({ metadata: { from: 'first' }, source: 'first' })
    expect(image?.captions.map(({ caption }) => caption)).toEqual(['first'])
    await log.append([tombstoneOf(first)])
    await catalogue.caughtUp(log)
    expect(catalogue.image(first.imageId)).toBeNull()
    expect([...catalogue.liveImageIds()]).toEqual([])
    expect(catalogue.counts()).toEqual({ images: 0, pairs: 0, counted: 0, base: 0 })
  })

  it('lets the newest record of a pair replace the one before, once in full text', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const event = {
      ...pairEvent('one', 'a dog runs', { metadata: { version: '1' }, publishedAt: 1 }),
      caption: 'a  dog\nruns',
    }
    const again = { ...event, metadata: { version: '2' }, publishedAt: 2 }
    await log.append([publication(event), publication(again)])
    await catalogue.caughtUp(log)
    expect(catalogue.pair(event.pairId)).toMatchObject({
      metadata: { version: '2' },
      publishedAt: 2,
      caption: 'a dog runs',
    })
    expect(catalogue.searchText('dog', 10, 0)).toHaveLength(1)
    expect(catalogue.counts().pairs).toBe(1)
  })

  it('takes no tombstone under the key of another image for the pair', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const event = pairEvent('one', 'a dog')
    const other = pairEvent('two', 'a cat')
    await log.append([
      { topic: 'pairs', key: pairKey(other.imageId, event.pairId), value: null },
      publication(event),
      publication(other),
      { topic: 'pairs', key: pairKey(other.imageId, event.pairId), value: null },
    ])
    await catalogue.caughtUp(log)
    expect(catalogue.isLivePair(event.pairId)).toBe(true)
    expect(catalogue.isErased(event.pairId)).toBe(false)
    expect(catalogue.counts()).toMatchObject({ images: 2, pairs: 2 })
    await log.append([tombstoneOf(event), tombstoneOf(event)])
    await catalogue.caughtUp(log)
    expect(catalogue.isErased(event.pairId)).toBe(true)
    expect(catalogue.counts()).toMatchObject({ images: 1, pairs: 1 })
  })

  it('passes over poison', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const event = pairEvent('one', 'a dog')
    const wrongPartition = (partitionOf(event.imageId, PARTITIONS) + 1) % PARTITIONS
    await log.append([
      { ...publication(event), partition: wrongPartition },
      { ...publication(event), value: { ...event, caption: 'a cat' } },
      { ...publication(event), value: { ...event, picture: null } },
      { ...publication(event), value: { ...event, caption: '\uFFFD' } },
      { ...publication(event), key: 'nonsense' },
      { ...tombstoneOf(event), partition: wrongPartition },
    ])
    await catalogue.caughtUp(log)
    expect(catalogue.pair(event.pairId)).toBeNull()
    expect(catalogue.isErased(event.pairId)).toBe(false)
    expect(catalogue.counts()).toEqual({ images: 0, pairs: 0, counted: 0, base: 0 })
  })

  it('keeps a picture without a caption out of the counts and the full text', async () => {
    const { log, follow } = await harness()
    const { catalogue } = await follow()
    const event = pairEvent('one', null)
    await log.append([publication(event)])
    await catalogue.caughtUp(log)
    expect(catalogue.counts()).toEqual({ images: 1, pairs: 0, counted: 0, base: 0 })
    expect(catalogue.image(event.imageId)?.captions).toEqual([])
    expect([...catalogue.livePairs()]).toEqual([])
  })
})
