import { describe, expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { createEraseHandler, LOG_CLEAN_AFTER } from '../../src/consumers/erase.ts'
import { applyEffects } from '../../src/consumers/effects.ts'
import { sweepPayloads } from '../../src/consumers/sweep-payloads.ts'
import { sweepBlobs, sweepErased, sweepIndex } from '../../src/consumers/sweep.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { partitionOf } from '../../src/core/partition.ts'
import { writeSnapshot } from '../../src/core/snapshot.ts'
import type { Point } from '../../src/ports/vector-index.ts'
import { erasureOf, publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { laterOnDisk } from '../fixtures/file-times.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { removalsOf } from '../fixtures/points.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { countTurns } from '../fixtures/turns.ts'
import { announce, PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { createWordEncoder, DIMENSION } from './word-encoder.ts'

const HOUR = 3_600_000
const erasing = (made: Platform, blobGrace = HOUR) => createEraseHandler({ ...made, blobGrace })

const embed = (made: Platform, generation: string) =>
  made.start(
    createEmbedHandler({ ...made, generation, encoder: createWordEncoder('m1'), partitions: PARTITIONS, batch: 8 }),
  )

const unitPoint = (id: string): Point => ({
  id,
  vector: Float32Array.from({ length: DIMENSION }, (_, i) => (i === 0 ? 1 : 0)),
  payload: { imageId: id, captions: [], split: 'train', metadata: {}, offset: -1 },
})

async function allIds(ids: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const id of ids) all.push(id)
  return all
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

  it('gives a receipt that lists where it was removed from, and which models learned from it', async () => {
    const made = await platform()
    const [first, last, held] = [pairEvent('one', 'first'), pairEvent('one', 'last'), pairEvent('two', 'held out')]
    await announce(made, 'g1', 'building')
    await announce(made, 'g1', 'promoted')
    embed(made, 'g1')
    for (const { imageId, picture } of [first, held])
      await made.blobs.put(imageBlobKey(imageId), picture ?? new Uint8Array())
    const train = async (requestId: string, outcome: string, entries: Parameters<typeof writeSnapshot>[0]) => {
      const { key, bytes } = writeSnapshot(entries)
      await made.blobs.put(key, bytes)
      const request = { ...topicValues['retraining.requested'], requestId, snapshot: key }
      const trained = { ...topicValues['models.trained'], modelVersion: `m-${requestId}`, requestId, outcome }
      await made.log.append([{ topic: 'retraining.requested', key: requestId, value: request }])
      await made.log.append([{ topic: 'models.trained', key: requestId, value: trained }])
    }
    const entries = (['train', 'train', 'validation'] as const).map((split, i) => ({ pairId: [first, last, held][i]?.pairId ?? '', split })) // prettier-ignore
    await train('all', 'trained', entries)
    await train('later', 'trained', entries.slice(1))
    await train('failed', 'failed', entries)
    await made.log.append([
      publication(first),
      publication(last),
      publication(held),
      tombstoneOf(first),
      tombstoneOf(held),
    ])
    const erase = made.start(erasing(made))
    await made.passed('erase')
    await made.catalogue.caughtUp(made.log)
    const always = ['features', 'training-data', 'catalogue', 'log']
    const receiptOf = ({ pairId }: { pairId: string }) => made.catalogue.erasure(pairId)
    expect(receiptOf(first)).toMatchObject({ removedFrom: ['index/g1', ...always], trainedModels: ['m-all'] })
    expect(receiptOf(held)).toMatchObject({
      removedFrom: ['index/g1', 'blobs-after-grace', ...always],
      trainedModels: [],
    })
    await erase.stop()
    await made.log.append([tombstoneOf(last)])
    made.setForward(2 * HOUR)
    made.start(erasing(made))
    await made.passed('erase')
    await made.catalogue.caughtUp(made.log)
    expect(receiptOf(last)).toMatchObject({ removedFrom: ['index/g1', 'blobs', ...always], trainedModels: ['m-all', 'm-later'] }) // prettier-ignore
  })

  it('removes the features of a caption with its pair, those of the picture and the picture with the last pair only', async () => {
    const made = await platform()
    const [first, second] = [pairEvent('one', 'first'), pairEvent('one', 'second')]
    const key = imageBlobKey(first.imageId)
    await made.blobs.put(key, first.picture ?? new Uint8Array())
    await made.log.append([publication(first), publication(second), tombstoneOf(first)])
    made.setForward(2 * HOUR)
    made.start(erasing(made))
    await made.passed('erase')
    expect(made.erasedFeatures).toEqual([first.pairId])
    expect(await made.blobs.get(key)).not.toBeNull()
    await made.log.append([tombstoneOf(second)])
    await made.passed('erase')
    expect(made.erasedFeatures).toEqual([first.pairId, first.imageId, second.pairId])
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
    await laterOnDisk()
    const effects = await sweepBlobs({ ...made, blobGrace: 0 })
    expect(effects.map(({ type }) => type)).toEqual(['blob-delete'])
    await laterOnDisk()
    await put() // a publication of the same picture, not yet in the log
    await applyEffects(effects, made.ports)
    expect(await made.blobs.get(key)).not.toBeNull()
    await laterOnDisk()
    await applyEffects(await sweepBlobs({ ...made, blobGrace: 0 }), made.ports)
    expect(await made.blobs.get(key)).toBeNull()
  })

  it('removes what a stalled worker wrote of the erased pair, in any generation, and walks over nothing else', async () => {
    const made = await platform()
    const [kept, erased] = [pairEvent('one', 'a dog'), pairEvent('one', 'a cat')]
    const gone = pairEvent('two', 'a cow')
    await announce(made, 'g0', 'retired')
    await made.index.upsert('g0', 'images', [unitPoint(kept.imageId), unitPoint(gone.imageId)])
    await made.index.upsert(
      'g0',
      'captions',
      [kept, erased, gone].map(({ pairId }) => unitPoint(pairId)),
    )
    const index = { ...made.index, ids: () => Promise.reject(new Error('walked')) as never }
    await made.log.append([kept, erased, gone].map(publication))
    await made.log.append([tombstoneOf(erased), tombstoneOf(gone)])
    made.start(createEraseHandler({ ...made, index, blobGrace: HOUR }))
    await made.passed('erase')
    expect(await allIds(made.index.ids('g0', 'images'))).toEqual([kept.imageId])
    expect(await allIds(made.index.ids('g0', 'captions'))).toEqual([kept.pairId])
    await made.catalogue.caughtUp(made.log)
    expect(made.catalogue.erasures().map(({ state }) => state)).toEqual(['done', 'done'])
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
    await announce(made, 'g0', 'retired')
    for (const generation of ['g0', 'g1']) {
      await made.index.upsert(generation, 'images', images)
      await made.index.upsert(generation, 'captions', captions)
    }
    for await (const removal of sweepIndex(made)) await applyEffects(removal, made.ports)
    for (const { counts } of await made.index.generations()) expect(counts).toEqual({ images: 1, captions: 1 })
    expect((await points('images')).map(({ id }) => id)).toEqual([kept.imageId])
  })

  it('leaves alone what no release names: it may be of another log, or of another program', async () => {
    const made = await platform()
    await announce(made, 'g1', 'building')
    await made.index.create('products', DIMENSION)
    const point = unitPoint(pairEvent('one', 'a dog').imageId)
    for (const generation of ['g1', 'products']) await made.index.upsert(generation, 'images', [point])
    for await (const removal of sweepIndex(made)) await applyEffects(removal, made.ports)
    expect(await allIds(made.index.ids('g1', 'images'))).toEqual([])
    expect(await allIds(made.index.ids('products', 'images'))).toEqual([point.id])
  })

  it('leaves alone what came back after the walk began', async () => {
    const made = await platform()
    const events = Array.from({ length: 300 }, (_, i) => pairEvent(`image ${i}`, 'a dog'))
    const points = events.map(({ imageId }) => unitPoint(imageId))
    await announce(made, 'g1', 'retired')
    await made.index.upsert('g1', 'images', points)
    const last = [...events].sort((a, b) => (a.imageId < b.imageId ? -1 : 1)).at(-1)
    if (last === undefined) throw new Error('unreachable')
    for await (const removal of sweepIndex(made)) {
      await applyEffects(removal, made.ports)
      await made.log.append([publication(last)])
      await made.catalogue.caughtUp(made.log)
    }
    expect(await allIds(made.index.ids('g1', 'images'))).toEqual([last.imageId])
  })

  it('is left between two batches when it is stopped, and goes on at the next start', async () => {
    const made = await platform()
    await announce(made, 'g1', 'retired')
    const events = Array.from({ length: 600 }, (_, i) => pairEvent(`image ${i}`, 'a dog'))
    const points = events.map(({ imageId }) => unitPoint(imageId))
    await made.index.upsert('g1', 'images', points)
    await made.blobs.put(imageBlobKey(points[0]?.id ?? ''), Buffer.from('bytes'))
    const stopping = new AbortController()
    const { signal } = stopping
    const sweep = async (until?: AbortSignal): Promise<void> => {
      for await (const removal of sweepIndex(made, until)) {
        await applyEffects(removal, made.ports)
        stopping.abort()
      }
    }
    const stopped = { code: 'not-ready' }
    await expect(sweep(signal)).rejects.toMatchObject(stopped)
    expect(await allIds(made.index.ids('g1', 'images'))).toHaveLength(600 - 256)
    await expect(sweepBlobs({ ...made, blobGrace: 0 }, signal)).rejects.toMatchObject(stopped)
    const erased = { images: points.map(({ id }) => id), captions: [] }
    await expect(sweepErased(made, erased, signal)).rejects.toMatchObject(stopped)
    await made.log.append(events.slice(0, 1).map(publication))
    await made.catalogue.caughtUp(made.log)
    await expect(sweepPayloads(made, signal).next()).rejects.toMatchObject(stopped)
    await sweep()
    expect(await allIds(made.index.ids('g1', 'images'))).toEqual(points.slice(0, 1).map(({ id }) => id))
  })

  it('takes an erased caption out of the point of an image that lives on, which a stalled worker wrote again', async () => {
    const made = await platform()
    await announce(made, 'g1', 'building')
    const [kept, erased] = [pairEvent('one', 'a dog'), pairEvent('one', 'a cat')]
    await made.log.append([publication(kept), publication(erased)])
    embed(made, 'g1')
    await made.passed(embedGroup('g1'))
    const written = await made.index.points('g1', 'images', [kept.imageId])
    expect(written[0]?.payload.captions).toEqual(['a dog', 'a cat'])
    await made.log.append([erasureOf(erased, 'requested'), tombstoneOf(erased)])
    await made.passed(embedGroup('g1'))
    await made.catalogue.caughtUp(made.log)
    await made.index.upsert('g1', 'images', written)
    for await (const correction of sweepPayloads(made)) await applyEffects(correction, made.ports)
    const [point] = await made.index.points('g1', 'images', [kept.imageId])
    expect(point?.payload.captions).toEqual(['a dog'])
    expect(point?.vector).toEqual(written[0]?.vector)
    for await (const correction of sweepPayloads(made)) expect(correction).toEqual([])
  })

  it('puts a caption back that a stalled worker took from the point of an image, once consumers have passed it', async () => {
    const made = await platform()
    await announce(made, 'g1', 'building')
    const events = ['a dog', 'a cat'].map((caption) => pairEvent('one', caption))
    const ids = events.slice(0, 1).map(({ imageId }) => imageId)
    await made.log.append(events.slice(0, 1).map(publication))
    const embedding = embed(made, 'g1')
    await made.passed(embedGroup('g1'))
    const written = await made.index.points('g1', 'images', ids)
    const captions = async () => (await made.index.points('g1', 'images', ids)).map(({ payload }) => payload.captions)
    const sweep = async (): Promise<void> => {
      for await (const correction of sweepPayloads(made)) await applyEffects(correction, made.ports)
    }
    await embedding.stop()
    await made.log.append(events.slice(1).map(publication))
    await sweep()
    expect(await captions()).toEqual([['a dog']]) // a consumer will do it
    embed(made, 'g1')
    await made.passed(embedGroup('g1'))
    expect(await captions()).toEqual([['a dog', 'a cat']])
    await made.index.upsert('g1', 'images', written)
    await sweep()
    expect(await captions()).toEqual([['a dog', 'a cat']])
  })

  it('compares all images with what is said of them page by page, and writes nothing where nothing differs', async () => {
    const made = await platform()
    const events = Array.from({ length: 600 }, (_, i) => pairEvent(`image ${i}`, 'a dog'))
    await made.log.append(events.map(publication))
    await made.catalogue.caughtUp(made.log)
    await announce(made, 'g1', 'retired')
    const payloadOf = ({ imageId, metadata }: (typeof events)[number]) => {
      const { split = 'train' as const, newestOffset: offset = -1 } = made.catalogue.image(imageId) ?? {}
      return { imageId, captions: ['a dog'], split, metadata, offset }
    }
    await made.index.upsert(
      'g1',
      'images',
      events.map((event) => ({ ...unitPoint(event.imageId), payload: payloadOf(event) })),
    )
    const pages: number[] = []
    const index: Platform['index'] = {
      ...made.index,
      payloads(generation, kind, ids) {
        pages.push(ids.length)
        return made.index.payloads(generation, kind, ids)
      },
      points: () => Promise.reject(new Error('vectors were fetched')),
    }
    const turns = countTurns()
    for await (const correction of sweepPayloads({ ...made, index })) expect(correction).toEqual([])
    expect(pages).toEqual([256, 256, 88])
    expect(turns()).toBeGreaterThanOrEqual(2)
  })

  it('takes nothing for dead that it has not folded yet but others have', async () => {
    const made = await platform()
    const event = pairEvent('one', 'a dog')
    await made.log.append([publication(event)])
    await made.blobs.put(imageBlobKey(event.imageId), new TextEncoder().encode('one'))
    await announce(made, 'g1', 'retired')
    await made.index.upsert('g1', 'images', [unitPoint(event.imageId)])
    let folded = false
    const catalogue: Platform['catalogue'] = {
      ...made.catalogue,
      async caughtUp(log) {
        await made.catalogue.caughtUp(log)
        folded = true
      },
      liveAmong: (kind, ids) => (folded ? made.catalogue.liveAmong(kind, ids) : new Set()),
    }
    const behind = { ...made, catalogue, blobGrace: 0 }
    for await (const removal of sweepIndex(behind)) expect(removal).toEqual([])
    folded = false
    expect(await sweepBlobs(behind)).toEqual([])
    folded = false
    expect(await sweepErased(behind, { images: [event.imageId], captions: [] })).toEqual([])
  })

  it('lets others have their turn while it walks', async () => {
    const made = await platform()
    const points = Array.from({ length: 3_000 }, (_, i) => unitPoint(pairEvent(`image ${i}`, 'a dog').imageId))
    await announce(made, 'g1', 'retired')
    await made.index.upsert('g1', 'images', points)
    const turns = countTurns()
    await allIds(made.index.ids('g1', 'images'))
    expect(turns()).toBeGreaterThanOrEqual(2)
  })

  it('minds no generation that is dropped meanwhile', async () => {
    const made = await platform()
    await announce(made, 'gone', 'retired')
    await made.index.drop('gone')
    const index = {
      ...made.index,
      generations: async () => [{ generation: 'gone', dimension: 1, counts: { images: 0, captions: 0 } }],
    }
    for await (const removal of sweepIndex({ ...made, index })) expect(removal).toEqual([])
    expect(await sweepErased({ ...made, index }, { images: [], captions: [] })).toEqual([])
    await applyEffects(
      [
        {
          type: 'points-remove',
          generation: 'gone',
          kind: 'images',
          removals: removalsOf([pairEvent('one', 'a').imageId]),
        },
      ],
      made.ports,
    )
  })
})
