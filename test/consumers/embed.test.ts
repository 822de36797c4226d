import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyEffects } from '../../src/consumers/effects.ts'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import type { PointKind } from '../../src/ports/vector-index.ts'
import { erasureOf, publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { createPlatform, PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { createWordEncoder, DIMENSION, vectorOf } from './word-encoder.ts'

const GENERATION = 'g1'

const embedding = (
  made: Platform,
  changes: { batch?: number; onEncode?: (images: number, texts: number) => void } = {},
) =>
  createEmbedHandler({
    ...made,
    generation: GENERATION,
    encoder: createWordEncoder('m1', changes.onEncode),
    partitions: PARTITIONS,
    batch: changes.batch ?? 8,
  })

async function start(made: Platform, changes: Parameters<typeof embedding>[1] = {}): Promise<void> {
  await made.index.create(GENERATION, DIMENSION)
  made.start(embedding(made, changes))
}

const idsOf = async ({ index }: Platform, kind: PointKind): Promise<string[]> => {
  const ids: string[] = []
  for await (const id of index.ids(GENERATION, kind)) ids.push(id)
  return ids
}

/** The index holds what the catalogue holds, each point once, with its present payload. */
async function expectConsistent(made: Platform): Promise<void> {
  const { catalogue, index } = made
  const images = [...catalogue.liveImageIds()]
  const pairs = [...catalogue.livePairs()]
  expect((await idsOf(made, 'images')).sort()).toEqual(images)
  expect((await idsOf(made, 'captions')).sort()).toEqual(pairs.map(({ pairId }) => pairId))
  for (const { id, payload } of await index.points(GENERATION, 'images', images)) {
    const image = catalogue.image(id)
    expect(payload).toEqual({
      imageId: id,
      captions: image?.captions.map(({ caption }) => caption),
      split: image?.split,
      metadata: image?.metadata,
      offset: image?.newestOffset,
    })
  }
  for (const { id, payload } of await index.points(
    GENERATION,
    'captions',
    pairs.map(({ pairId }) => pairId),
  )) {
    const { imageId, caption, position } = catalogue.pair(id) ?? {}
    expect(payload).toMatchObject({ imageId, captions: [caption], offset: position?.offset })
  }
}

describe('the embed consumer', () => {
  it('brings pictures and captions into the index and says so', async () => {
    const made = await platform()
    await start(made)
    const [first, second, bare] = [pairEvent('one', 'a dog'), pairEvent('one', 'a cat'), pairEvent('two', null)]
    await made.log.append([first, second, bare].map(publication))
    await made.passed(embedGroup(GENERATION))
    await expectConsistent(made)
    expect(await made.index.points(GENERATION, 'images', [bare.imageId])).toMatchObject([{ payload: { captions: [] } }])
    const [hit] = await made.index.search(GENERATION, 'captions', { vector: vectorOf('m1', 'a cat'), limit: 1 })
    expect(hit).toMatchObject({ id: second.pairId, payload: { imageId: first.imageId, captions: ['a cat'] } })
    const indexed = () => [first, second, bare].map(({ pairId }) => made.catalogue.pair(pairId)?.indexed)
    await made.until(() => indexed().every((known) => known?.length === 1))
    expect(indexed()[0]).toMatchObject([{ generation: GENERATION, modelVersion: 'm1' }])
  })

  it('follows captions that come and go, and takes the picture with the last', async () => {
    const made = await platform()
    await start(made)
    const [first, second] = [pairEvent('one', 'a dog'), pairEvent('one', 'a cat')]
    const captions = async () => (await made.index.points(GENERATION, 'images', [first.imageId]))[0]?.payload.captions
    const after = async (record: ReturnType<typeof publication>) => {
      await made.log.append([record])
      await made.passed(embedGroup(GENERATION))
      await expectConsistent(made)
      return captions()
    }
    expect(await after(publication(first))).toEqual(['a dog'])
    expect(await after(publication(second))).toEqual(['a dog', 'a cat'])
    expect(await after(tombstoneOf(first))).toEqual(['a cat'])
    expect(await after(publication(first))).toEqual(['a cat'])
    expect(await after(tombstoneOf(second))).toBeUndefined()
    expect(await idsOf(made, 'images')).toEqual([])
    await made.log.append([erasureOf(first, 'restored')])
    expect(await after(publication(first))).toEqual(['a dog'])
  })

  it('tells how many pairs it embedded, those without a caption among them', async () => {
    const made = await platform()
    await made.index.create(GENERATION, DIMENSION)
    await made.log.append(
      [pairEvent('one', 'a dog'), pairEvent('one', 'a cat'), pairEvent('two', null)].map(publication),
    )
    let embedded = 0
    made.start(
      createEmbedHandler({
        ...made,
        generation: GENERATION,
        encoder: createWordEncoder('m1'),
        partitions: PARTITIONS,
        batch: 8,
        onEmbedded: (pairs) => (embedded += pairs),
      }),
    )
    await made.passed(embedGroup(GENERATION))
    expect(embedded).toBe(3)
  })

  it('stores a picture that a record carries before it commits, unless the pair is erased', async () => {
    const made = await platform()
    const [kept, erased] = [pairEvent('one', 'a dog'), pairEvent('two', 'a cat')]
    await made.log.append([publication(kept), publication(erased), tombstoneOf(erased)])
    await made.catalogue.caughtUp(made.log)
    await start(made)
    await made.passed(embedGroup(GENERATION))
    expect(await made.blobs.get(imageBlobKey(kept.imageId))).toEqual(kept.picture)
    expect(await made.blobs.get(imageBlobKey(erased.imageId))).toBeNull()
    await expectConsistent(made)
  })

  it('takes a tombstone that is there before, with or after what it erases', async () => {
    const made = await platform()
    const events = ['before', 'with', 'after'].map((caption) => pairEvent('one', caption))
    const [before, beside, after] = events.map((event) => ({
      published: publication(event),
      erased: tombstoneOf(event),
    }))
    if (before === undefined || beside === undefined || after === undefined) throw new Error('unreachable')
    await made.log.append([before.erased, before.published, beside.published, beside.erased, after.published])
    await start(made, { batch: 2 })
    await made.passed(embedGroup(GENERATION))
    await made.log.append([after.erased])
    await made.passed(embedGroup(GENERATION))
    await expectConsistent(made)
    expect(await idsOf(made, 'captions')).toEqual([])
  })

  it('lets one picture that cannot be decoded die alone', async () => {
    const made = await platform()
    const images = ['good 1', 'broken', 'good 2', 'good 3', 'good 4']
    const events = images.map((image) => pairEvent(image, `about ${image}`))
    await made.log.append(events.map(publication))
    await start(made, { batch: 100 })
    await made.passed(embedGroup(GENERATION))
    expect((await idsOf(made, 'images')).sort()).toEqual(
      events.filter((_, i) => i !== 1).map(({ imageId }) => imageId).sort(), // prettier-ignore
    )
    const dead = await made.log.dead('pairs')
    expect(dead.map(({ headers }) => [headers['cause'], headers['group']])).toEqual([['image-unreadable', 'embed-g1']])
  })

  it('reports a blob that is missing, or that is another picture', async () => {
    const made = await platform()
    const events = ['missing', 'exchanged', 'good'].map((image) => {
      const event = pairEvent(image, 'a dog')
      return { ...event, picture: null, blobKey: imageBlobKey(event.imageId) }
    })
    const [missing, exchanged, good] = events
    await made.blobs.put(imageBlobKey(exchanged?.imageId ?? ''), new TextEncoder().encode('something else'))
    await made.blobs.put(imageBlobKey(good?.imageId ?? ''), new TextEncoder().encode('good'))
    await made.log.append(events.map(publication))
    await start(made)
    await made.passed(embedGroup(GENERATION))
    const causes = new Map(
      (await made.log.dead('pairs')).map(({ key, headers }) => [key.split(':')[0], headers['cause']]),
    )
    expect(causes).toEqual(new Map([[missing?.imageId, 'blob-missing'], [exchanged?.imageId, 'wrong-id']])) // prettier-ignore
    expect(await idsOf(made, 'images')).toEqual([good?.imageId])
  })

  it('blames no record for a generation that the index does not have', async () => {
    const made = await platform()
    const event = pairEvent('one', 'a dog')
    const [position] = await made.log.append([publication(event)])
    const record = await made.log.read('pairs', position?.partition ?? 0, position?.offset ?? 0)
    const handler = embedding(made)
    const signal = new AbortController().signal
    const handle = () => handler.handle(record === null ? [] : [record], signal)
    await expect(handle()).rejects.toMatchObject({ code: 'not-ready' })
    await made.index.create(GENERATION, DIMENSION)
    const effects = await handle()
    await made.index.drop(GENERATION)
    await expect(applyEffects(effects, made.ports)).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('decodes no picture twice, and skips poison without a word', async () => {
    const made = await platform()
    let images = 0
    await start(made, { onEncode: (count) => (images += count) })
    for (const caption of ['a', 'b', 'c']) {
      await made.log.append([publication(pairEvent('one', caption))])
      await made.passed(embedGroup(GENERATION))
    }
    await made.log.append([{ ...publication(pairEvent('one', 'd')), key: 'nonsense' }])
    await made.passed(embedGroup(GENERATION))
    expect(images).toBe(1)
    expect(await made.log.dead('pairs')).toEqual([])
  })

  it('ends in the same index however often and in whatever order partitions are delivered', async () => {
    const step = fc.record({
      image: fc.nat(4),
      caption: fc.nat(2),
      type: fc.constantFrom('publish', 'publish', 'erase', 'restore'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(PARTITIONS - 1), { maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, redelivered, batch) => {
          const made = await createPlatform()
          try {
            await made.index.create(GENERATION, DIMENSION)
            const handler = embedding(made, { batch })
            const first = made.start(handler)
            for (const { image, caption, type } of steps) {
              const event = pairEvent(`image ${image}`, `caption ${caption}`)
              await made.log.append([
                type === 'publish'
                  ? publication(event)
                  : type === 'erase'
                    ? tombstoneOf(event)
                    : erasureOf(event, 'restored'),
              ])
            }
            await first.stop()
            // A worker that was cut off anywhere begins again at its last commit, or at an earlier one, or at the first record.
            for (const partition of redelivered) {
              const again = { ...handler, group: `${handler.group}-${partition}`, handle: handler.handle }
              const consumer = made.start(again)
              await made.passed(again.group)
              await consumer.stop()
            }
            made.start(handler)
            await made.passed(handler.group)
            await expectConsistent(made)
          } finally {
            await made.close()
          }
        },
      ),
      { numRuns: 15 },
    )
  }, 60_000)
})
