import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CatalogueCounts } from '../../src/catalogue/catalogue.ts'
import type { PairPublished } from '../../src/core/events.ts'
import { requestIdOf } from '../../src/core/ids.ts'
import { writeSnapshot } from '../../src/core/snapshot.ts'
import { drawSplit, type Split } from '../../src/core/split.ts'
import type { NewRecord } from '../../src/ports/event-log.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { createHarness, erasureOf, publication, tombstoneOf, type Followed, type Harness } from './catalogue-harness.ts'
import { dump } from './dump.ts'

type Step = {
  readonly type:
    'publish' | 'erase' | 'erase-quietly' | 'receipt' | 'restore' | 'poison' | 'indexed' | 'request' | 'release'
  readonly image: number
  readonly caption: number
  readonly split: Split | null
  readonly variant: number
  /** Whether the catalogue is given time to fold before the next step. */
  readonly wait: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.oneof(
    { arbitrary: fc.constant('publish' as const), weight: 8 },
    { arbitrary: fc.constantFrom<Step['type'][]>('erase', 'restore'), weight: 4 },
    {
      arbitrary: fc.constantFrom<Step['type'][]>('erase-quietly', 'receipt', 'poison', 'indexed', 'request', 'release'),
      weight: 4,
    },
  ),
  image: fc.nat(5),
  caption: fc.nat(3),
  split: fc.constantFrom(null, null, 'train', 'validation', 'test'),
  variant: fc.nat(2),
  wait: fc.boolean(),
})

/** Images 0 to 3 are two pairs of near-duplicates; the others have no hash of their own. */
const eventOf = ({ image, caption, split, variant }: Step, at = 0): PairPublished =>
  pairEvent(`image ${image}`, caption === 3 ? null : `caption ${caption}`, {
    split,
    perceptualHash: image < 4 ? `hash ${image % 2}` : null,
    metadata: { variant: String(variant) },
    source: `source ${variant}`,
    publishedAt: 1_000 + at,
  })

/** What design.md says of counts, in the plainest words: sets, in the order of the steps. */
function createModel() {
  const live = new Map<string, PairPublished>()
  const erased = new Set<string>()
  const groupOf = new Map<string, string>()
  const claims = new Map<string, Set<Split>>()
  let base = new Set<string>()
  const splitOf = (imageId: string): Split => {
    const claimed = [...(claims.get(groupOf.get(imageId) ?? '') ?? [])]
    return claimed.length === 1 ? (claimed[0] ?? 'train') : 'validation'
  }
  return {
    splitOf,
    published: (pairId: string) => live.get(pairId),
    isErased: (pairId: string) => erased.has(pairId),
    publish(event: PairPublished) {
      const { imageId, pairId, split, perceptualHash } = event
      const isNew = !groupOf.has(imageId)
      const group = groupOf.get(imageId) ?? perceptualHash ?? imageId
      groupOf.set(imageId, group)
      const claim = split ?? (isNew ? drawSplit(group) : null)
      if (claim !== null) claims.set(group, (claims.get(group) ?? new Set()).add(claim))
      if (!erased.has(pairId)) live.set(pairId, event)
    },
    erase(pairId: string) {
      live.delete(pairId)
      erased.add(pairId)
    },
    restore: (pairId: string) => void erased.delete(pairId),
    request: () => void (base = new Set([...live].filter(([, { caption }]) => caption !== null).map(([id]) => id))),
    counts(): CatalogueCounts {
      const captioned = [...live.values()].filter(({ caption }) => caption !== null)
      const counted = captioned.filter(({ imageId }) => splitOf(imageId) === 'train')
      return {
        images: new Set([...live.values()].map(({ imageId }) => imageId)).size,
        pairs: captioned.length,
        counted: counted.length,
        base: counted.filter(({ pairId }) => base.has(pairId)).length,
      }
    },
  }
}

const poisonOf = (event: PairPublished, variant: number): NewRecord<'pairs'> => {
  const good = publication(event)
  if (variant === 0) return { ...good, value: { ...event, caption: 'another caption' } }
  if (variant === 1) return { ...tombstoneOf(event), key: `nonsense:${event.pairId}` }
  return { ...good, value: { ...event, picture: new Uint8Array([1, 2, 3]) } }
}

async function play(made: Harness, followed: Followed, steps: readonly Step[]) {
  const { log, blobs, clock } = made
  const model = createModel()
  const splits = new Map<string, Split>()
  let previousRequest: string | null = null
  let head: string | null = null
  for (const [at, current] of steps.entries()) {
    const event = eventOf(current, at)
    const { type, variant } = current
    if (type === 'publish') {
      await log.append([publication(event)])
      model.publish(event)
    } else if (type === 'erase') {
      await log.append([erasureOf(event, 'requested')])
      await log.append([tombstoneOf(event)])
      model.erase(event.pairId)
    } else if (type === 'erase-quietly') {
      await log.append([tombstoneOf(event)])
      model.erase(event.pairId)
    } else if (type === 'receipt' && model.isErased(event.pairId)) {
      await log.append([erasureOf(event, 'done', { at: made.now() - 5, logCleanBy: clock() })])
    } else if (type === 'restore') {
      await log.append([erasureOf(event, 'restored', { at: clock() })])
      model.restore(event.pairId)
    } else if (type === 'poison') {
      await log.append([poisonOf(event, variant)])
    } else if (type === 'indexed') {
      const live = model.published(event.pairId)
      if (live === undefined) continue
      const { pairId, imageId, publishedAt } = live
      const times = { publishedAt, embeddedAt: at, indexedAt: at }
      const value = { pairId, imageId, generation: `g${variant}`, modelVersion: `m${variant}`, ...times }
      await followed.catalogue.caughtUp(log)
      await log.append([{ topic: 'pairs.indexed', key: pairId, value }])
    } else if (type === 'request') {
      await followed.catalogue.caughtUp(log)
      const { key, bytes } = writeSnapshot(followed.catalogue.livePairs())
      await blobs.put(key, bytes)
      const requestId = requestIdOf(previousRequest, 'volume')
      const facts = {
        reason: 'volume',
        dataSetSize: 0,
        newPairs: 0,
        threshold: 0.1,
        requestedBy: 'test',
        requestedAt: 0,
      }
      await log.append([
        {
          topic: 'retraining.requested',
          key: requestId,
          value: { requestId, previousRequestId: previousRequest, snapshot: key, ...facts },
        },
        // Somebody else asked for the same at once, with another snapshot: the first record of an id wins.
        {
          topic: 'retraining.requested',
          key: requestId,
          value: { requestId, previousRequestId: previousRequest, snapshot: 'snapshots/other', ...facts },
        },
      ])
      model.request()
      previousRequest = requestId
    } else if (type === 'release') {
      const facts = {
        modelVersion: `m${variant}`,
        generation: `g${variant}`,
        reason: '',
        evidence: null,
        decidedAt: at,
      }
      const state = at % 2 === 0 ? 'promoted' : 'retired'
      const follows = variant === 2 ? 'something else' : head
      await log.append([{ topic: 'releases', key: `r${at}`, value: { releaseId: `r${at}`, follows, state, ...facts } }])
      if (variant !== 2) head = `r${at}`
    }
    if (current.wait) {
      await followed.catalogue.caughtUp(log)
      expect(followed.catalogue.counts()).toEqual(model.counts())
      for (const imageId of followed.catalogue.liveImageIds()) {
        const split = followed.catalogue.image(imageId)?.split
        expect(split).toBe(model.splitOf(imageId))
        // An image never changes set, except to validation.
        expect([splits.get(imageId) ?? split, 'validation']).toContain(split)
        splits.set(imageId, split ?? 'train')
      }
    }
  }
  await followed.catalogue.caughtUp(log)
  await made.settled(followed)
  return model
}

const liveState = ({ catalogue }: Followed) =>
  [...catalogue.liveImageIds()].map((id) => {
    const { captions, metadata, source } = catalogue.image(id) ?? { captions: [], metadata: {}, source: '' }
    return { id, captions: [...captions].map(({ pairId }) => pairId).sort(), metadata, source }
  })

describe('the catalogue', () => {
  it('is the same folded anew as folded step by step, and counts as the plainest model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const made = await createHarness()
        try {
          const followed = await made.follow()
          const model = await play(made, followed, steps)
          expect(followed.catalogue.counts()).toEqual(model.counts())
          const folded = dump(followed.database)
          const rebuilt = await made.rebuild()
          expect(dump(rebuilt.database)).toEqual(folded)
          for (const current of steps) {
            const { pairId } = eventOf(current)
            expect(rebuilt.catalogue.isErased(pairId)).toBe(model.isErased(pairId))
          }
        } finally {
          await made.close()
        }
      }),
      { numRuns: 40 },
    )
  }, 120_000)

  it('holds the same live pairs folded from a compacted log', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 40 }),
        fc.constantFrom(2, 24 * 40),
        async (steps, hours) => {
          const made = await createHarness()
          try {
            const followed = await made.follow()
            // Quiet tombstones are certified by a receipt before they are compacted; here nobody writes one. And compaction
            // goes by the key, so that poison takes the place of what it was written over, as on every broker.
            const kept = steps.filter(({ type }) => type !== 'erase-quietly' && type !== 'poison')
            const model = await play(made, followed, kept)
            await made.log.maintain(made.now() + hours * 3_600_000)
            const rebuilt = await made.rebuild()
            expect(liveState(rebuilt)).toEqual(liveState(followed))
            for (const current of kept) {
              const { pairId } = eventOf(current)
              expect(rebuilt.catalogue.isErased(pairId)).toBe(model.isErased(pairId))
            }
          } finally {
            await made.close()
          }
        },
      ),
      { numRuns: 15 },
    )
  }, 120_000)
})
