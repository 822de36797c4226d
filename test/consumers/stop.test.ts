import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { Catalogue } from '../../src/catalogue/catalogue.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import { createCountHandler } from '../../src/consumers/count.ts'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { createEraseHandler } from '../../src/consumers/erase.ts'
import { createTrainHandler } from '../../src/consumers/train.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { deciding, model } from './release-harness.ts'
import { createWordEncoder } from './word-encoder.ts'

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
