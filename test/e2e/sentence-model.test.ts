import { expect, it, onTestFinished } from 'vitest'
import type { SentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { sceneSentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { startPairstream } from './running-pairstream.ts'

type Hit = { imageId: string; modelVersion: string; captions: { caption: string }[] }

it('a model on a sentence encoder is trained, released and searched, and forgets a caption with its pair', async () => {
  const pairstream = await startPairstream({
    SENTENCE_ENCODER_DIR: await sceneSentenceEncoder(),
    FIRST_TRAINING_PAIRS: 380,
    TRAINING_EPOCHS: 20,
  })
  onTestFinished(() => pairstream.stop())
  const { services, address, until } = pairstream
  const { catalogue, features, models } = services
  await publishSource(scenesSource({ count: 200, seed: 5 }), services.publisher)
  await until(() => services.serving.current() !== null)
  const { modelVersion = '' } = services.serving.current() ?? {}
  const files = (await models.manifest(catalogue.model(modelVersion)?.manifest ?? '')).files.map(({ path }) => path)
  expect(files).toContain('sentence/modules.json')

  const response = await fetch(`${address}/v1/search?q=${encodeURIComponent('a large red circle')}&limit=10`)
  const { hits } = (await response.json()) as { hits: Hit[] }
  expect(hits).toHaveLength(10)
  expect(hits[0]?.modelVersion).toBe(modelVersion)
  const isRed = ({ captions }: Hit): boolean => captions.some(({ caption }) => caption.includes('red'))
  expect(hits.slice(0, 5).filter(isRed).length).toBeGreaterThan(2)

  // Held-out captions are no part of a training: these were read for the index.
  const encoder = (await services.sentenceEncoder()) as SentenceEncoder
  const pairIds = [...catalogue.livePairs()].map(({ pairId }) => pairId)
  expect((await features.get(encoder.id, 'caption', pairIds)).size).toBe(pairIds.length)

  const [erased = ''] = pairIds
  expect((await fetch(`${address}/v1/pairs/${erased}`, { method: 'DELETE' })).status).toBe(202)
  await until(() => catalogue.erasure(erased)?.state === 'done')
  expect((await features.get(encoder.id, 'caption', [erased])).size).toBe(0)
}, 180_000)
