import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyEffects, type Effect } from '../../src/consumers/effects.ts'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { createEraseHandler } from '../../src/consumers/erase.ts'
import { sweepErased, sweepIndex } from '../../src/consumers/sweep.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import type { PairPublished } from '../../src/core/events.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { partitionOf } from '../../src/core/partition.ts'
import type { LogRecord, NewRecord } from '../../src/ports/event-log.ts'
import { pointKinds, type PointKind } from '../../src/ports/vector-index.ts'
import { erasureOf, publication, tombstoneOf } from '../catalogue/catalogue-harness.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { announce, createPlatform, PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { createWordEncoder, DIMENSION } from './word-encoder.ts'

const GENERATION = 'g1'
const never = new AbortController().signal

/** Handlers of one process; what each asks for is applied when the test says so. */
const workers = (made: Platform) => ({
  embed: createEmbedHandler({
    ...made,
    generation: GENERATION,
    encoder: createWordEncoder('m1'),
    partitions: PARTITIONS,
    batch: 8,
  }),
  erase: createEraseHandler({ ...made, blobGrace: 3_600_000 }),
})

async function appended({ log }: Platform, record: NewRecord<'pairs'>): Promise<LogRecord<'pairs'>> {
  const [position] = await log.append([record])
  const read = await log.read('pairs', position?.partition ?? 0, position?.offset ?? 0)
  if (read === null) throw new Error('The log has lost a record.')
  return read
}

const restored = async (made: Platform, event: PairPublished): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, 2)) // within the millisecond of the tombstone the erasure wins
  await made.log.append([erasureOf(event, 'restored')])
}

/** So that a batch can be worked on that lacks the record with the picture. */
const stored = ({ blobs }: Platform, { imageId, picture }: PairPublished): Promise<void> =>
  blobs.put(imageBlobKey(imageId), picture ?? new Uint8Array())

const removalsIn = (effects: readonly Effect[]): Effect[] =>
  effects.filter((effect) => effect.type === 'points-remove' && effect.removals.length > 0)

async function held({ index }: Platform, kind: PointKind): Promise<string[]> {
  const ids: string[] = []
  for await (const id of index.ids(GENERATION, kind)) ids.push(id)
  return ids.sort()
}

async function swept(made: Platform): Promise<Effect[]> {
  const effects: Effect[] = []
  for await (const removal of sweepIndex(made)) effects.push(...removal)
  return effects
}

describe('a removal that comes after its pair came back', () => {
  /** The pair was embedded, erased and removed; then a worker that was stalled wrote its points once more. */
  async function stale(event: PairPublished) {
    const made = await platform()
    await announce(made, GENERATION, 'retired')
    made.start(workers(made).embed)
    await made.log.append([publication(event)])
    await made.passed(embedGroup(GENERATION))
    const written = await Promise.all(
      pointKinds.map((kind) => made.index.points(GENERATION, kind, [event.imageId, event.pairId])),
    )
    const tombstone = await appended(made, tombstoneOf(event))
    await made.passed(embedGroup(GENERATION))
    expect([await held(made, 'images'), await held(made, 'captions')]).toEqual([[], []])
    for (const [at, kind] of pointKinds.entries()) await made.index.upsert(GENERATION, kind, written[at] ?? [])
    return { made, tombstone }
  }

  const decisions = {
    'of the consumer of erasures': async (made: Platform, tombstone: LogRecord<'pairs'>) =>
      workers(made).erase.handle([tombstone], never),
    'of the sweep': (made: Platform) => swept(made),
    'of an embedder': async (made: Platform, tombstone: LogRecord<'pairs'>) =>
      workers(made).embed.handle([tombstone], never),
  }
  const pairs = { 'with a caption': pairEvent('one', 'a dog'), 'without a caption': pairEvent('one', null) }

  for (const [whose, decide] of Object.entries(decisions)) {
    it.each(Object.entries(pairs))(`spares its new points: that ${whose}, about a picture %s`, async (_, event) => {
      const { made, tombstone } = await stale(event)
      const removals = removalsIn(await decide(made, tombstone))
      expect(removals.map((effect) => 'kind' in effect && effect.kind)).toContain('images')
      await restored(made, event)
      await made.log.append([publication(event)])
      await made.passed(embedGroup(GENERATION))
      await applyEffects(removals, made.ports)
      expect(await held(made, 'images')).toEqual([event.imageId])
      expect(await held(made, 'captions')).toEqual(event.caption === null ? [] : [event.pairId])
    })

    it(`takes the points while it is dead: that ${whose}`, async () => {
      const { made, tombstone } = await stale(pairEvent('one', 'a dog'))
      await applyEffects(removalsIn(await decide(made, tombstone)), made.ports)
      expect([await held(made, 'images'), await held(made, 'captions')]).toEqual([[], []])
    })
  }

  it('spares the picture that came back with another caption', async () => {
    const { made, tombstone } = await stale(pairEvent('one', 'a dog'))
    const removals = removalsIn(await workers(made).erase.handle([tombstone], never))
    const other = pairEvent('one', 'a cat')
    await made.log.append([publication(other)])
    await made.passed(embedGroup(GENERATION))
    await applyEffects(removals, made.ports)
    expect(await held(made, 'images')).toEqual([other.imageId])
    expect(await held(made, 'captions')).toEqual([other.pairId])
  })
})

describe('points of a log that was there before', () => {
  it('are removed before the receipt, and by the sweep, though their offsets are beyond the end of the log', async () => {
    const made = await platform()
    const [event, unheard] = [pairEvent('one', 'a dog'), pairEvent('two', 'a cat')]
    await announce(made, GENERATION, 'retired')
    const { embed, erase } = workers(made)
    const vector = Float32Array.from({ length: DIMENSION }, (_, i) => (i === 0 ? 1 : 0))
    const put = async ({ imageId, pairId, metadata }: PairPublished): Promise<void> => {
      const payload = { imageId, captions: [], split: 'train' as const, metadata, offset: 1_000_000 }
      await made.index.upsert(GENERATION, 'images', [{ id: imageId, vector, payload }])
      await made.index.upsert(GENERATION, 'captions', [{ id: pairId, vector, payload }])
    }
    await put(event)
    await put(unheard)
    const tombstone = await appended(made, tombstoneOf(event))
    await applyEffects(await embed.handle([tombstone], never), made.ports)
    expect(await held(made, 'images')).toHaveLength(2)

    const seen: string[][] = []
    const log: Platform['log'] = {
      ...made.log,
      async append(records) {
        seen.push([...(await held(made, 'images')), ...(await held(made, 'captions'))])
        return made.log.append(records)
      },
    }
    await applyEffects(await erase.handle([tombstone], never), { ...made.ports, log })
    expect(seen).toEqual([[unheard.imageId, unheard.pairId]])
    expect(await sweepErased(made, { images: [event.imageId], captions: [event.pairId] })).toEqual([])
    await applyEffects(await swept(made), made.ports)
    expect([await held(made, 'images'), await held(made, 'captions')]).toEqual([[], []])
  })
})

describe('a tombstone that names a pair under another image', () => {
  it('removes nothing of the pair, as its offset is that of another partition', async () => {
    const made = await platform()
    await announce(made, GENERATION, 'retired')
    const { embed } = workers(made)
    const event = pairEvent('one', 'a dog')
    const partitionFor = ({ imageId }: PairPublished) => partitionOf(imageId, PARTITIONS)
    const other = ['two', 'three', 'four', 'five']
      .map((image) => pairEvent(image, null))
      .find((candidate) => partitionFor(candidate) !== partitionFor(event))
    if (other === undefined) throw new Error('All of these are in one partition.')
    await stored(made, other)
    for (const record of [publication(event), tombstoneOf(event)]) await appended(made, record)
    for (let count = 0; count < 9; count++) await appended(made, publication(other))
    const foreign = await appended(made, tombstoneOf({ ...event, imageId: other.imageId }))
    const late = removalsIn(await embed.handle([foreign], never))
    await restored(made, event)
    const again = await appended(made, publication(event))
    expect(again.offset).toBeLessThan(foreign.offset)
    await applyEffects(await embed.handle([again], never), made.ports)
    await applyEffects(late, made.ports)
    expect(await held(made, 'captions')).toEqual([event.pairId])
  })
})

/** Few, so that the same comes and goes often. */
const NAMES = [
  { image: 'one', caption: 'a dog' },
  { image: 'one', caption: null },
  { image: 'two', caption: 'a dog' },
]
const named = fc.nat(NAMES.length - 1)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('publish', 'erase', 'return'), pair: named }) },
  { weight: 2, arbitrary: fc.constant({ type: 'embed' as const, pair: 0 }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('erasing', 'sweeping', 'embedding'), pair: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('late'), pair: fc.nat(9) }) },
)

describe('removals in any order', () => {
  it('leave in the index what is live, however late each comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const made = await createPlatform()
        try {
          await announce(made, GENERATION, 'retired')
          for (const { image, caption } of NAMES) await stored(made, pairEvent(image, caption))
          const { embed, erase } = workers(made)
          const records: LogRecord<'pairs'>[] = []
          const pending: Effect[][] = []
          let embedded = 0
          const append = async (record: NewRecord<'pairs'>) => void records.push(await appended(made, record))
          const batches = (some: readonly LogRecord<'pairs'>[]) =>
            Array.from({ length: PARTITIONS }, (_, i) => some.filter(({ partition }) => partition === i))
          const embedNew = async (): Promise<void> => {
            for (const batch of batches(records.slice(embedded)))
              await applyEffects(await embed.handle(batch, never), made.ports)
            embedded = records.length
          }
          for (const { type, pair } of steps) {
            const { image = '', caption = null } = NAMES[pair] ?? {}
            const event = pairEvent(image, caption)
            const last = records.slice(-1 - pair)
            if (type === 'publish') await append(publication(event))
            else if (type === 'erase') await append(tombstoneOf(event))
            else if (type === 'return') {
              await restored(made, event)
              await append(publication(event))
            } else if (type === 'embed') await embedNew()
            else if (type === 'erasing') pending.push(removalsIn(await erase.handle(last, never)))
            else if (type === 'sweeping') pending.push(removalsIn(await swept(made)))
            else if (type === 'embedding')
              for (const batch of batches(last)) pending.push(removalsIn(await embed.handle(batch, never)))
            else await applyEffects(pending.splice(pair, 1).flat(), made.ports)
          }
          await embedNew()
          await applyEffects(pending.flat(), made.ports)
          expect(await held(made, 'images')).toEqual([...made.catalogue.liveImageIds()])
          expect(await held(made, 'captions')).toEqual([...made.catalogue.livePairs()].map(({ pairId }) => pairId))
        } finally {
          await made.close()
        }
      }),
      { numRuns: 25 },
    )
  }, 60_000)
})
