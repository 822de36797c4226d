import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Catalogue } from '../../src/catalogue/catalogue.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import { createCountHandler } from '../../src/consumers/count.ts'
import { applyEffects } from '../../src/consumers/effects.ts'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { createEraseHandler } from '../../src/consumers/erase.ts'
import { createTrainHandler } from '../../src/consumers/train.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { unlessStopped } from '../../src/core/stop.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { deciding, model } from './release-harness.ts'
import { createWordEncoder, DIMENSION } from './word-encoder.ts'

/** The platform with a catalogue that stands still, as one does that waits for a server; `waited` resolves once somebody waits for it. */
async function standing() {
  const made = await platform()
  const still = openCatalogue({ database: openDatabase(join(made.folder, 'still.db')), blobs: made.blobs })
  onTestFinished(() => still.close())
  const waited = promise()
  const catalogue: Catalogue = {
    ...still,
    caughtUp(...given) {
      waited.resolve()
      return still.caughtUp(...given)
    },
    foldedPast(...given) {
      waited.resolve()
      return still.foldedPast(...given)
    },
  }
  return { ...made, catalogue, waited: waited.promise }
}

const request = topicValues['retraining.requested']
const settings = { threshold: 0.1, firstTrainingPairs: 1_000 }
const refuse = () => Promise.reject(new Error('it must not come to this'))

const consumers: Record<string, (made: Platform) => { stop(): Promise<void> }> = {
  count: (made) => made.start(createCountHandler({ ...made, settings, partitions: PARTITIONS })),
  embed: (made) =>
    made.start(
      createEmbedHandler({
        ...made,
        generation: 'g1',
        encoder: createWordEncoder('m1'),
        partitions: PARTITIONS,
        batch: 8,
      }),
    ),
  erase: (made) => made.start(createEraseHandler({ ...made, blobGrace: 0 })),
  train: (made) => made.start(createTrainHandler({ ...made, train: refuse })),
  release: (made) => made.start(deciding(made, { judgeFirst: refuse, compare: refuse })),
}

it.each(Object.entries(consumers))('%s can be stopped while the catalogue stands still', async (_name, start) => {
  const made = await standing()
  await made.log.append([
    pairRecord('one', 'a dog'),
    tombstone('two', 'a cat'),
    { topic: 'retraining.requested', key: request.requestId, value: request },
    model('m-1'),
  ])
  const consumer = start(made)
  await made.waited
  await consumer.stop()
  expect(made.catalogue.counts().pairs).toBe(0)
})

it('embed can be stopped in the middle of pictures that take too long, and does not commit them', async () => {
  const made = await platform()
  await made.index.create('g1', DIMENSION)
  await made.log.append([pairRecord('one', 'a dog')])
  const begun = promise()
  const encoder: Encoder = {
    ...createWordEncoder('m1'),
    encodeImages(_, signal) {
      begun.resolve()
      return unlessStopped(new Promise<never>(() => undefined), signal)
    },
  }
  const deps = { ...made, generation: 'g1', encoder, partitions: PARTITIONS, batch: 8, grace: 5 }
  const consumer = made.start(createEmbedHandler(deps))
  await begun.promise
  await consumer.stop()
  expect(await made.log.committedOffsets(embedGroup('g1'), 'pairs')).toEqual(new Map())
})

it('embed finishes the pictures in hand when it is stopped, and commits them', async () => {
  const made = await platform()
  await made.index.create('g1', DIMENSION)
  await made.log.append([pairRecord('one', 'a dog')])
  const begun = promise()
  const goOn = promise()
  const words = createWordEncoder('m1')
  const encoder: Encoder = {
    ...words,
    async encodeImages(images, signal) {
      begun.resolve()
      await unlessStopped(goOn.promise, signal)
      return words.encodeImages(images)
    },
  }
  const consumer = made.start(
    createEmbedHandler({ ...made, generation: 'g1', encoder, partitions: PARTITIONS, batch: 8 }),
  )
  await begun.promise
  const stopped = consumer.stop()
  goOn.resolve()
  await stopped
  expect([...(await made.log.committedOffsets(embedGroup('g1'), 'pairs')).values()]).toEqual([1])
})

it('erase can be stopped while all features are fetched, to erase some', async () => {
  const { ports } = await platform()
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const stopping = new AbortController()
  const eraseFeatures = () => {
    stopping.abort()
    return new Promise<never>(() => undefined)
  }
  const erasing = applyEffects([{ type: 'features-erase', ids: [] }], { ...ports, eraseFeatures }, stopping.signal)
  vi.advanceTimersByTime(5_000)
  await expect(erasing).rejects.toMatchObject({ code: 'not-ready' })
})
