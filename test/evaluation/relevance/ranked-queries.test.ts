import { expect, it, onTestFinished } from 'vitest'
import { createEmbeddedIndex } from '../../../src/adapters/vector-index/embedded.ts'
import { RANKED } from '../../../src/core/relevance.ts'
import { isTakenOut } from '../../../src/evaluation/relevance/calibrate.ts'
import { rankedQueries } from '../../../src/evaluation/relevance/ranked-queries.ts'
import { imagePayload } from '../../../src/consumers/image-payload.ts'
import type { Encoder } from '../../../src/ports/encoder.ts'
import { pairEvent, pairRecord } from '../../fixtures/pair-events.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { platform } from '../../consumers/consumer-harness.ts'
import { vectorOf } from '../../consumers/word-encoder.ts'

const encoder: Encoder = {
  modelVersion: 'same',
  dimension: 16,
  encodeImages: () => Promise.reject(new Error('no picture is to be read')),
  encodeTexts: async (texts) => texts.map((text) => vectorOf('same', text)),
  close: async () => undefined,
}

/** Pictures with one caption each, which a caption finds first; the last two are near-duplicates. */
async function gallery(validation: number, train: number) {
  const { catalogue, log } = await platform()
  const index = createEmbeddedIndex({ folder: await temporaryFolder(), writable: true })
  onTestFinished(() => index.close())
  await index.create('g1', 16)
  for (let number = 0; number < validation + train; number++) {
    const text = `picture number ${number}`
    const split = number < validation ? 'validation' : 'train'
    const perceptualHash = number >= validation + train - 2 ? 'alike' : null
    const value = pairEvent(text, text, { split, perceptualHash })
    await log.append([{ ...pairRecord(text, text), value }])
  }
  await catalogue.caughtUp(log)
  for (const imageId of catalogue.liveImageIds()) {
    const image = catalogue.image(imageId)
    if (image === null) continue
    const vector = vectorOf('same', image.captions[0]?.caption ?? '')
    await index.upsert('g1', 'images', [{ id: imageId, vector, payload: imagePayload(image) }])
  }
  return { catalogue, index }
}

it('asks the captions of held-out images among all, and takes the answers of half of them out', async () => {
  const { catalogue, index } = await gallery(60, 40)
  const queries = await rankedQueries({ catalogue, index, judgement: () => null }, 'g1', encoder)
  expect(queries).toHaveLength(60)
  for (const { imageId, isAnswerable, hits } of queries) {
    expect(catalogue.image(imageId)?.split).toBe('validation')
    expect(isAnswerable).toBe(!isTakenOut(imageId))
    expect(hits).toHaveLength(RANKED)
    expect(hits.filter(({ isRight }) => isRight)).toHaveLength(isAnswerable ? 1 : 0)
    const scores = hits.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    if (isAnswerable) expect(hits[0]).toMatchObject({ isRight: true, score: expect.closeTo(1, 5) as number })
  }
  expect(queries.some(({ isAnswerable }) => isAnswerable)).toBe(true)
  expect(queries.some(({ isAnswerable }) => !isAnswerable)).toBe(true)
})

it('takes near-duplicates, and what a judgement names, for right answers', async () => {
  const { catalogue, index } = await gallery(2, 0)
  const pairs = catalogue.livePairsOf('validation')
  expect(new Set(pairs.map(({ splitKey }) => splitKey)).size).toBe(1)
  for (const { hits, isAnswerable } of await rankedQueries(
    { catalogue, index, judgement: () => null },
    'g1',
    encoder,
  )) {
    expect(hits.map(({ isRight }) => isRight)).toEqual(isAnswerable ? [true, true] : [])
  }
  const other = await gallery(12, 3)
  const everything = (_: unknown, imageIds: readonly string[]) => imageIds
  const judged = await rankedQueries({ ...other, judgement: everything }, 'g1', encoder)
  for (const { hits, isAnswerable } of judged) {
    expect(hits.map(({ isRight }) => isRight)).toEqual(isAnswerable ? hits.map(() => true) : [])
  }
})

it('stops where it is told to', async () => {
  const { catalogue, index } = await gallery(3, 0)
  const stopped = rankedQueries({ catalogue, index, judgement: () => null }, 'g1', encoder, AbortSignal.abort())
  await expect(stopped).rejects.toMatchObject({ code: 'not-ready' })
})
