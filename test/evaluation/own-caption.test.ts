import { expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { normaliseCaption } from '../../src/core/caption.ts'
import { evaluateRetrieval } from '../../src/evaluation/evaluate-retrieval.ts'
import { createGoldenQueries } from '../../src/evaluation/golden-queries.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { publication } from '../catalogue/catalogue-harness.ts'
import { PARTITIONS, platform } from '../consumers/consumer-harness.ts'
import { DIMENSION, vectorOf } from '../consumers/word-encoder.ts'
import { pairEvent } from '../fixtures/pair-events.ts'

const PICTURES = 60

/** A model that sees nothing: it knows a text by its exact words, and of a picture only that it is one. */
const exactMatch: Encoder = {
  modelVersion: 'exact-match',
  dimension: DIMENSION,
  encodeImages: async (images) =>
    Promise.all(images.map(async ({ bytes }) => vectorOf('pictures', Buffer.from(await bytes()).toString('base64')))),
  encodeTexts: async (texts) => texts.map((text) => vectorOf('words', normaliseCaption(text))),
  close: async () => undefined,
}

/** Two captions each; the first is shared with the next picture, so that identical ones belong to others too. */
const captionsOf = (index: number): string[] => [
  `scene ${index - (index % 2)} at dawn`,
  `only picture ${index} looks so`,
]

it('gives an index that matches exact words nothing to gain from the captions that are evaluated', async () => {
  const indices = Array.from({ length: PICTURES }, (_, index) => index)
  const bytes = indices.map((index) => Buffer.from(`picture ${index}`))
  const vectors = await exactMatch.encodeImages(bytes.map((each) => ({ imageId: null, bytes: async () => each })))
  const images = indices.map((index) => ({ id: `i${index}`, vector: vectors[index] ?? new Float32Array() }))
  const texts = indices.flatMap((index) => captionsOf(index).map((text) => ({ imageId: `i${index}`, text })))
  const encoded = await exactMatch.encodeTexts(texts.map(({ text }) => text))
  const captions = texts.map((caption, at) => ({
    ...caption,
    id: `c${at}`,
    vector: encoded[at] ?? new Float32Array(),
  }))
  const { textToImage, imageToText } = evaluateRetrieval({ images, captions })
  // By chance 10 of 60 pictures hold the one, and 10 of 120 captions one of two.
  for (const { means } of [textToImage, imageToText]) {
    expect(means.success_10).toBeLessThan(0.35)
    expect(means.success_1).toBeLessThan(0.1)
  }
})

it('nor from the captions that image points carry, when the golden queries go through the index', async () => {
  const made = await platform()
  const pairs = Array.from({ length: PICTURES }, (_, index) =>
    captionsOf(index).map((caption) => pairEvent(`picture ${index}`, caption, { split: 'validation' })),
  ).flat()
  await made.log.append(pairs.map(publication))
  await made.catalogue.caughtUp(made.log)
  await made.index.create('g1', DIMENSION)
  made.start(createEmbedHandler({ ...made, generation: 'g1', encoder: exactMatch, partitions: PARTITIONS, batch: 8 }))
  await made.passed(embedGroup('g1'))
  const [first] = pairs
  const points = await made.index.points('g1', 'images', [first?.imageId ?? ''])
  expect(points[0]?.payload.captions).toContain(first?.caption)
  const golden = createGoldenQueries({ ...made, openEncoder: async () => exactMatch, judgement: () => null })
  expect((await golden.ask('exact-match', 'g1'))?.recall).toBeLessThan(0.35)
})
