import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { modelVersionOf } from '../../src/core/ids.ts'
import { inDevelopmentFold } from '../../src/core/split.ts'
import { createPredictor } from '../../src/library/index.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { requestRetraining } from '../../src/roles/commands.ts'
import type { Backbone } from '../../src/models/backbone.ts'
import { shapeOf } from '../../src/training/job-shape.ts'
import { championOf, type TrainingRecord } from '../../src/training/starting-point.ts'
import { createRequestTrainer } from '../../src/training/train-request.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { MAP_CHANNELS, mapBackbone } from '../models/map-backbone.ts'
import { openedServices } from '../roles/opened-services.ts'
import { promoted } from './promoted.ts'
import { recallAt } from './recall-at.ts'
import { smallJob } from './small-job.ts'

/** Scenes, a backbone that shows a map, and a request to train on them. */
async function requested(settings: Readonly<Record<string, string | number>> = {}) {
  const backboneFolder = await mapBackbone()
  const services = await openedServices({ BACKBONE_DIR: backboneFolder, IMAGE_HEAD: 'attention', ...settings })
  const { config, catalogue } = services
  await publishSource(scenesSource({ count: 120, seed: 5 }), services.publisher)
  const request = await requestRetraining(services, 'manual', 'test')
  const train = (changes: Partial<Parameters<typeof createRequestTrainer>[0]> = {}, asked = request) =>
    createRequestTrainer({
      ...services,
      start: 'scratch',
      seed: 1,
      threads: 1,
      maximumEpochs: 8,
      imageHead: config.IMAGE_HEAD,
      imageRegions: config.IMAGE_REGIONS,
      imageViews: config.IMAGE_VIEWS,
      events: {},
      ...changes,
    })(asked, modelVersionOf(asked.requestId), new AbortController().signal)
  const learnt = [...catalogue.livePairs()].filter(({ split }) => split === 'train')
  return { services, request, train, learnt }
}

describe('a training with attention to regions', { timeout: 180_000 }, () => {
  it('is served as it was judged, from features of its own, and carries what they depend on', async () => {
    const { services, train, learnt } = await requested({ IMAGE_REGIONS: 4 })
    const network = await services.backbone()
    const { manifest, metrics } = await train()
    const { training } = await services.models.manifest(manifest)
    expect(training).toMatchObject({
      backbone: network.id,
      hyperparameters: { imageHead: 'attention', imageRegions: 4 },
    })
    const folder = await services.models.open(manifest)
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      feature_width: MAP_CHANNELS * 17,
      regions: { rows: 4, columns: 4, width: MAP_CHANNELS },
      image_head: 'attention',
    })

    const imageIds = [...new Set(learnt.map(({ imageId }) => imageId))]
    const kept = async ({ id }: Backbone) => (await services.features.get(id, 'flipped', imageIds)).size
    expect(await kept(network.withRegions(4))).toBe(imageIds.length)
    expect(await kept(network)).toBe(0)

    // With the cache, as the embedding role has it, and from the folder alone, as a program has it.
    const encoder = await openDualEncoder(folder, { features: services.features })
    const predictor = await createPredictor(folder)
    onTestFinished(() => Promise.all([encoder.close(), predictor.close()]).then(() => undefined))
    const development = learnt.filter(({ splitKey }) => inDevelopmentFold(splitKey))
    for (const limit of [1, 5, 10]) {
      const recall = await recallAt(limit, encoder, development, services)
      expect(recall).toBeCloseTo(metrics[`development.recall_at_${limit}`] ?? NaN, 6)
    }
    const [first = ''] = imageIds
    const bytes = await services.bytesOf(first)
    const [known = new Float32Array()] = await encoder.encodeImages([{ imageId: first, bytes: async () => bytes }])
    const [alone = new Float32Array()] = await predictor.encodeImages([bytes])
    for (const [i, value] of known.entries()) expect(alone[i]).toBeCloseTo(value, 5)
  })

  it('starts from a champion with the same head and the same buckets only', async () => {
    const { services, request, train } = await requested()
    const { manifest } = await train({ maximumEpochs: 1 })
    const { parent, later } = await promoted(services, request, manifest)

    const { training } = (await services.models.manifest(manifest)) as unknown as { training: TrainingRecord }
    const parentWith = async (changes: Partial<TrainingRecord['hyperparameters']>) => {
      const planned = { ...training, hyperparameters: { ...training.hyperparameters, ...changes } }
      return (await championOf(later, planned, services))?.parent
    }
    expect(await parentWith({})).toBe(parent)
    // An attending head has no hidden layer.
    expect(await parentWith({ imageHidden: 77 })).toBe(parent)
    for (const changes of [
      { imageRegions: 2 },
      { heads: 2 },
      { imageHead: 'linear' },
      { bigramBuckets: 64 },
    ] as const) {
      expect(await parentWith(changes), JSON.stringify(changes)).toBeUndefined()
    }
    expect((await train({ start: 'champion', maximumEpochs: 1 }, later)).parent).toBe(parent)
  })

  it('says at once what to export where the backbone shows no map', async () => {
    const folder = await temporaryFolder()
    await writeBuiltInBackbone(folder)
    const services = await openedServices({ BACKBONE_DIR: folder, IMAGE_HEAD: 'attention' })
    await expect(services.backbone()).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringMatching(/^BACKBONE_DIR=.*IMAGE_HEAD=attention.*shows no feature map; export it/) as string,
    })
  })

  it('refuses heads that do not share the embedding evenly, and corners', async () => {
    const regions = { rows: 2, columns: 2, width: 4 }
    const shapeWith = async (changes: Parameters<typeof smallJob>[1]) =>
      shapeOf({ ...(await smallJob(await temporaryFolder(), { imageHead: 'attention', ...changes })), regions })
    const refused = (reason: string) => ({
      code: 'training-failed',
      message: expect.stringContaining(reason) as string,
    })
    await expect(shapeWith({ embeddingWidth: 30 })).rejects.toMatchObject(refused('30 numbers of an embedding'))
    await expect(shapeWith({ imageViews: 'corners' })).rejects.toMatchObject(refused('plain or mirrored'))
    expect((await shapeWith({})).imageHead).toEqual({ kind: 'attention', regions: { count: 4, width: 4 }, heads: 4 })
  })
})
