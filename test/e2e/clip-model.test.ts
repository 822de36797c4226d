import { expect, it, onTestFinished } from 'vitest'
import { viewReleases } from '../../src/core/release-chain.ts'
import { dot } from '../../src/core/vector.ts'
import { createPredictor } from '../../src/library/index.ts'
import { openClipEncoder } from '../../src/models/pretrained/clip-encoder.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { promoteModel, requestRetraining } from '../../src/roles/commands.ts'
import { sharedClip } from '../models/pretrained/tiny-clip.ts'
import { startPairstream } from './running-pairstream.ts'

type Hit = { imageId: string; modelVersion: string; captions: { caption: string }[] }

it('a model on a CLIP is released, searched, exported, and judged against its successor', async () => {
  const folder = await sharedClip()
  const pairstream = await startPairstream({ CLIP_DIR: folder, FIRST_TRAINING_PAIRS: 10_000, TRAINING_EPOCHS: 3 })
  onTestFinished(() => pairstream.stop())
  const { services, address, until } = pairstream
  const { catalogue, features, index, models } = services
  await publishSource(scenesSource({ count: 200, seed: 5 }), services.publisher)
  await requestRetraining(services, 'manual', 'test')
  // Random weights are no better than guessing, and the gate says so.
  await until(() => catalogue.releases().length > 0)
  const { modelVersion = '', state } = catalogue.releases()[0] ?? {}
  if (state === 'rejected') await promoteModel(services, modelVersion, 'test')
  await until(() => pairstream.isServing(modelVersion))
  const manifest = catalogue.model(modelVersion)?.manifest ?? ''
  expect((await models.manifest(manifest)).files.map(({ path }) => path)).toContain('clip/onnx/vision_model.onnx')

  const search = async (path: string): Promise<readonly Hit[]> => {
    const response = await fetch(`${address}/v1/search${path}`)
    return ((await response.json()) as { hits: Hit[] }).hits
  }
  const hits = await search(`?q=${encodeURIComponent('a large red circle')}&limit=10`)
  expect(hits.map((hit) => hit.modelVersion)).toEqual(Array(10).fill(modelVersion))

  // Both halves' embeddings were made once for the training and the index alike.
  const clip = await services.clip()
  if (clip === null) throw new Error('there is no CLIP')
  const pairs = [...catalogue.livePairs()]
  const imageIds = [...new Set(pairs.map(({ imageId }) => imageId))]
  expect((await features.get(clip.texts.id, 'caption', pairs.map(({ pairId }) => pairId))).size).toBe(pairs.length) // prettier-ignore
  expect((await features.get(clip.vision.id, 'plain', imageIds)).size).toBe(imageIds.length)
  expect((await features.get(clip.vision.id, 'flipped', imageIds)).size).toBe(0)

  // What is exported runs by itself, as the published folder does.
  const exported = await createPredictor(await models.open(manifest))
  const published = await createPredictor(folder)
  onTestFinished(() => exported.close())
  onTestFinished(() => published.close())
  expect(exported).toMatchObject({ modelVersion, dimension: published.dimension })
  const alone = await openClipEncoder(folder)
  onTestFinished(() => alone.close())
  expect([await published.encodeText('a red circle')]).toEqual(await alone.encodeTexts(['a red circle']))
  const picture = await services.bytesOf(imageIds[0] ?? '')
  const [seen] = await exported.encodeImages([picture])
  const generation = viewReleases(catalogue.releases()).serving?.generation ?? ''
  const [served] = await index.points(generation, 'images', [imageIds[0] ?? ''])
  expect(dot(seen ?? new Float32Array(), served?.vector ?? new Float32Array())).toBeCloseTo(1, 5)

  const { requestId } = await requestRetraining(services, 'manual', 'test')
  const decided = () => catalogue.models().find((model) => model.requestId === requestId)?.modelVersion
  await until(() => catalogue.releases().some((release) => release.modelVersion === decided()))
}, 180_000)
