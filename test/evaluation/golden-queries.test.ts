import { expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { createGoldenQueries } from '../../src/evaluation/golden-queries.ts'
import { heldOutSet } from '../../src/evaluation/held-out.ts'
import { publication } from '../catalogue/catalogue-harness.ts'
import { PARTITIONS, platform } from '../consumers/consumer-harness.ts'
import { createWordEncoder, DIMENSION } from '../consumers/word-encoder.ts'
import { pairEvent } from '../fixtures/pair-events.ts'

/** A few held-out pairs among others, and a catalogue that refuses the walk over all of them. */
async function heldOutAmongOthers() {
  const made = await platform()
  const heldOut = Array.from({ length: 3 }, (_, i) => pairEvent(`held out ${i}`, `a dog ${i}`, { split: 'validation' }))
  const others = Array.from({ length: 9 }, (_, i) => pairEvent(`other ${i}`, `a cat ${i}`, { split: 'train' }))
  await made.log.append([...others, ...heldOut].map(publication))
  await made.catalogue.caughtUp(made.log)
  const livePairs = (): never => {
    throw new Error('walked over all pairs')
  }
  return { ...made, heldOut, catalogue: { ...made.catalogue, livePairs } }
}

it('reads a held-out set without the other pairs, in an order that can be repeated', async () => {
  const { catalogue, heldOut } = await heldOutAmongOthers()
  const { imageIds, captions, relevant } = heldOutSet(catalogue, 'validation', ({ imageId }) => [imageId])
  expect(captions.map(({ pairId }) => pairId)).toEqual(heldOut.map(({ pairId }) => pairId).sort())
  expect(imageIds).toEqual(heldOut.map(({ imageId }) => imageId).sort())
  expect([...relevant]).toEqual(captions.map(({ pairId, imageId }) => [pairId, [imageId]]))
})

it('measures golden recall through the index by what is relevant, among held-out pictures only', async () => {
  const made = await heldOutAmongOthers()
  await made.index.create('g1', DIMENSION)
  const encoder = createWordEncoder('m1')
  made.start(createEmbedHandler({ ...made, generation: 'g1', encoder, partitions: PARTITIONS, batch: 8 }))
  await made.passed(embedGroup('g1'))
  const openEncoder = async () => createWordEncoder('m1')
  const ask = (judgement: Parameters<typeof createGoldenQueries>[0]['judgement']) =>
    createGoldenQueries({ ...made, openEncoder, judgement }).ask('m1', 'g1')
  expect(await ask(() => null)).toMatchObject({ recall: 1 })
  const missed = await ask(({ pairId }) => (pairId === made.heldOut[0]?.pairId ? [] : null))
  expect(missed?.recall).toBeCloseTo(2 / 3)
})

it('calls ordinary what the best hits of all but a twentieth of the golden queries reach', async () => {
  const made = await platform()
  const texts = Array.from({ length: 40 }, (_, i) => `a dog ${i}`)
  // Pictures are the text of their bytes: all but one look exactly like their captions.
  const pairs = texts.map((text, i) => pairEvent(i === 0 ? 'another thing' : text, text, { split: 'validation' }))
  await made.log.append(pairs.map(publication))
  await made.catalogue.caughtUp(made.log)
  await made.index.create('g1', DIMENSION)
  made.start(
    createEmbedHandler({
      ...made,
      generation: 'g1',
      encoder: createWordEncoder('m1'),
      partitions: PARTITIONS,
      batch: 8,
    }),
  )
  await made.passed(embedGroup('g1'))
  const openEncoder = async () => createWordEncoder('m1')
  const answers = await createGoldenQueries({ ...made, openEncoder, judgement: () => null }).ask('m1', 'g1')
  expect(answers?.ordinaryScore).toBeCloseTo(1, 5)
})
