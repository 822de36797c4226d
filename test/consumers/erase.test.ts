import { describe, expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { createEraseHandler, LOG_CLEAN_AFTER } from '../../src/consumers/erase.ts'
import { applyEffects } from '../../src/consumers/effects.ts'
import { sweepBlobs, sweepIndex } from '../../src/consumers/sweep.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { partitionOf } from '../../src/core/partition.ts'
import { erasureOf, publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { createWordEncoder, DIMENSION } from './word-encoder.ts'

const HOUR = 3_600_000
const erasing = (made: Platform, blobGrace = HOUR) => createEraseHandler({ ...made, blobGrace })

const embed = (made: Platform, generation: string) =>
  made.start(
    createEmbedHandler({ ...made, generation, encoder: createWordEncoder('m1'), partitions: PARTITIONS, batch: 8 }),
  )

/** A generation that consumers keep up to date, as the chain of releases says. */
async function announce(
  { index, releases, catalogue }: Platform,
  generation: string,
  state: 'building' | 'promoted' | 'retired',
) {
  await index.create(generation, DIMENSION)
  const follows = catalogue.releases().at(-1)?.releaseId ?? null
  await releases.append({ follows, state, modelVersion: `m-${generation}`, generation, reason: 'test', evidence: null })
}

describe('the erase consumer', () => {
  it('waits until every live generation has passed the tombstone', async () => {
    const made = await platform()
    await announce(made, 'g1', 'building')
    await announce(made, 'g1', 'promoted')
    await announce(made, 'g2', 'building')
    const event = pairEvent('one', 'a dog')
    await made.log.append([
      publication(event),
      erasureOf(event, 'requested', { requestedBy: 'a person' }),
      tombstoneOf(event),
    ])
    const waited = promise()
    let waits = 0
    made.start(erasing(made), { onWaiting: () => (++waits === 5 ? waited.resolve() : undefined) })
    await waited.promise
    embed(made, 'g1')
    await made.passed(embedGroup('g1'))
    expect(made.catalogue.erasure(event.pairId)?.state).toBe('requested')
    embed(made, 'g2')
    await made.passed('erase')
    await made.catalogue.caughtUp(made.log)
    expect(made.catalogue.erasure(event.pairId)).toMatchObject({ state: 'done', requestedBy: 'a person' })
  })

  it('gives a receipt that says when the log is clean, and none for pairs that came back or never went', async () => {
    const made = await platform()
    const [gone, restored, kept] = ['gone', 'restored', 'kept'].map((caption) => pairEvent('one', caption))
    if (gone === undefined || restored === undefined || kept === undefined) throw new Error('unreachable')
    await made.log.append([gone, restored, kept].map(publication))
    const [tombstone] = await made.log.append([tombstoneOf(gone), tombstoneOf(restored)])
    await made.catalogue.caughtUp(made.log)
    await new Promise((resolve) => setTimeout(resolve, 2)) // within the millisecond of the tombstone the erasure wins
    await made.log.append([erasureOf(restored, 'restored')])
    await made.log.append([publication(restored)])
    const wrong = (partitionOf(kept.imageId, PARTITIONS) + 1) % PARTITIONS
    await made.log.append([{ ...tombstoneOf(kept), partition: wrong }])
    await made.catalogue.caughtUp(made.log)
    made.start(erasing(made))
    await made.passed('erase')
    await made.catalogue.caughtUp(made.log)
    const record = await made.log.read('pairs', tombstone?.partition ?? 0, tombstone?.offset ?? 0)
    expect(made.catalogue.erasure(gone.pairId)).toMatchObject({
      state: 'done',
      at: record?.timestamp,
      logCleanBy: (record?.timestamp ?? 0) + LOG_CLEAN_AFTER,
    })
    expect(made.catalogue.erasure(restored.pairId)?.state).toBe('restored')
    expect(made.catalogue.erasure(kept.pairId)).toBeNull()
    expect([gone, restored, kept].map(({ pairId }) => made.catalogue.isErased(pairId))).toEqual([true, false, false])
  })

  it('removes features and picture with the last pair only', async () => {
    const made = await platform()
    const [first, second] = [pairEvent('one', 'first'), pairEvent('one', 'second')]
    const key = imageBlobKey(first.imageId)
    await made.blobs.put(key, first.picture ?? new Uint8Array())
    await made.log.append([publication(first), publication(second), tombstoneOf(first)])
    made.setForward(2 * HOUR)
    made.start(erasing(made))
    await made.passed('erase')
    expect(made.erasedFeatures).toEqual([])
    expect(await made.blobs.get(key)).not.toBeNull()
    await made.log.append([tombstoneOf(second)])
    await made.passed('erase')
    expect(made.erasedFeatures).toEqual([first.imageId])
    expect(await made.blobs.get(key)).toBeNull()
  })

  it('leaves a picture alone that was put a moment ago, also when that happens while it erases', async () => {
    const made = await platform()
    const event = pairEvent('one', 'a dog')
    const key = imageBlobKey(event.imageId)
    const put = () => made.blobs.put(key, event.picture ?? new Uint8Array())
    await put()
    await made.log.append([publication(event), tombstoneOf(event)])
    made.start(erasing(made, HOUR))
    await made.passed('erase')
    expect(await made.blobs.get(key)).not.toBeNull()

    await made.catalogue.caughtUp(made.log)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const effects = await sweepBlobs({ ...made, blobGrace: 0 })
    expect(effects.map(({ type }) => type)).toEqual(['blob-delete'])
    await new Promise((resolve) => setTimeout(resolve, 5))
    await put() // a publication of the same picture, not yet in the log
    await applyEffects(effects, made.ports)
    expect(await made.blobs.get(key)).not.toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 5))
    await applyEffects(await sweepBlobs({ ...made, blobGrace: 0 }), made.ports)
    expect(await made.blobs.get(key)).toBeNull()
  })

  it('repeats without harm', async () => {
    const made = await platform()
    await announce(made, 'g1', 'building')
    const event = pairEvent('one', 'a dog')
    await made.log.append([publication(event), tombstoneOf(event)])
    embed(made, 'g1')
    made.start(erasing(made))
    made.start({ ...erasing(made), group: 'erase again' })
    await made.passed('erase')
    await made.passed('erase again')
    await made.catalogue.caughtUp(made.log)
    expect(made.catalogue.erasures()).toMatchObject([{ state: 'done' }])
  })
})

describe('the sweep', () => {
  it('removes the points of any generation that nothing live stands for', async () => {
    const made = await platform()
    const [kept, erased] = [pairEvent('one', 'a dog'), pairEvent('two', 'a cat')]
    await announce(made, 'g1', 'building')
    await made.log.append([publication(kept), publication(erased)])
    embed(made, 'g1')
    await made.passed(embedGroup('g1'))
    const points = async (kind: 'images' | 'captions') =>
      made.index.points(
        'g1',
        kind,
        [kept, erased].map((e) => (kind === 'images' ? e.imageId : e.pairId)),
      )
    const [images, captions] = [await points('images'), await points('captions')]
    await made.log.append([tombstoneOf(erased)])
    await made.passed(embedGroup('g1'))
    // A worker that was stalled writes what it once knew, here and in a generation that nobody keeps.
    await made.index.create('g0', DIMENSION)
    for (const generation of ['g0', 'g1']) {
      await made.index.upsert(generation, 'images', images)
      await made.index.upsert(generation, 'captions', captions)
    }
    await applyEffects(await sweepIndex({ ...made, blobGrace: 0 }), made.ports)
    for (const { counts } of await made.index.generations()) expect(counts).toEqual({ images: 1, captions: 1 })
    expect((await points('images')).map(({ id }) => id)).toEqual([kept.imageId])
  })

  it('minds no generation that is dropped meanwhile', async () => {
    const made = await platform()
    await made.index.create('g0', DIMENSION)
    const index = {
      ...made.index,
      generations: async () => [{ generation: 'gone', dimension: 1, counts: { images: 0, captions: 0 } }],
    }
    expect(await sweepIndex({ ...made, index, blobGrace: 0 })).toEqual([])
    await applyEffects(
      [{ type: 'points-remove', generation: 'gone', kind: 'images', ids: [pairEvent('one', 'a').imageId] }],
      made.ports,
    )
  })
})
