import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { modelVersionOf } from '../../src/core/ids.ts'
import { inDevelopmentFold } from '../../src/core/split.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { openClipEncoder } from '../../src/models/pretrained/clip-encoder.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { requestRetraining } from '../../src/roles/commands.ts'
import type { Services } from '../../src/roles/services.ts'
import { championOf, type TrainingRecord } from '../../src/training/starting-point.ts'
import { createRequestTrainer } from '../../src/training/train-request.ts'
import { sharedPath } from '../fixtures/shared.ts'
import { sharedClip, textTower, writeTinyClip } from '../models/pretrained/tiny-clip.ts'
import { writeFiles } from '../models/pretrained/tiny-text-model.ts'
import { openedServices } from '../roles/opened-services.ts'
import { promoted } from './promoted.ts'
import { recallAt } from './recall-at.ts'

type Changes = Partial<Parameters<typeof createRequestTrainer>[0]>

/** Scenes, a CLIP, and a request to make a model on it. */
async function requested(settings: Readonly<Record<string, string | number>>) {
  const services = await openedServices(settings)
  const { config, catalogue } = services
  await publishSource(scenesSource({ count: 120, seed: 5 }), services.publisher)
  const request = await requestRetraining(services, 'manual', 'test')
  const modelVersion = modelVersionOf(request.requestId)
  const train = (changes: Changes = {}, asked = request) =>
    createRequestTrainer({
      ...services,
      start: 'scratch',
      seed: 1,
      threads: 1,
      maximumEpochs: 8,
      adapterWidth: config.CLIP_ADAPTER_WIDTH,
      events: {},
      ...changes,
    })(asked, modelVersionOf(asked.requestId), new AbortController().signal)
  const learnt = [...catalogue.livePairs()].filter(({ split }) => split === 'train')
  return { services, request, train, learnt, modelVersion }
}

async function opened(opening: Promise<Encoder>): Promise<Encoder> {
  const encoder = await opening
  onTestFinished(() => encoder.close())
  return encoder
}

const modelOf = async ({ models }: Services, manifest: string): Promise<Encoder> =>
  opened(openDualEncoder(await models.open(manifest)))

function largestDifference(rows: readonly Float32Array[], others: readonly ArrayLike<number>[]): number {
  expect(rows).toHaveLength(others.length)
  return Math.max(...rows.flatMap((row, i) => [...row].map((value, at) => Math.abs(value - (others[i]?.[at] ?? NaN)))))
}

/** What the reference libraries give for CLIP's own pictures and texts, where these are at hand. */
async function published() {
  const [folder, images] = [sharedPath('models', 'clip-tiny-random'), sharedPath('flickr8k', 'Images')]
  if (folder === null || images === null) return null
  const text = await readFile(join(folder, 'expected.json'), 'utf8')
  const expected = JSON.parse(text) as Record<'images' | 'texts', string[]> & Record<'image_embeds' | 'text_embeds', number[][]> // prettier-ignore
  const pictures = await Promise.all(expected.images.map((name) => readFile(join(images, name))))
  return { ...expected, pictures }
}

describe('a model on a CLIP that learns nothing', { timeout: 120_000 }, () => {
  it('is there without a look at a picture or a caption, and gives the embeddings of the CLIP', async () => {
    const folder = await sharedClip()
    const { services, train, learnt, modelVersion } = await requested({ CLIP_DIR: folder, CLIP_ADAPTER_WIDTH: 0 })
    const unread = () => expect.unreachable('data are read')
    const { manifest, parent, metrics } = await train({
      bytesOf: unread,
      start: 'champion',
      events: { onFeatures: unread, onCaptions: unread },
    })
    expect({ parent, metrics }).toEqual({ parent: null, metrics: {} })
    const { training, files } = await services.models.manifest(manifest)
    const clip = await services.clip()
    expect(training).toMatchObject({
      clip: clip?.id,
      backbone: clip?.vision.id,
      sentenceEncoder: clip?.texts.id,
      hyperparameters: { adapterWidth: 0, wordTower: 'none', embeddingWidth: clip?.width },
    })
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['clip/onnx/text_model.onnx', 'clip/onnx/vision_model.onnx', 'clip/tokenizer.json']),
    )

    const model = await modelOf(services, manifest)
    const alone = await opened(openClipEncoder(folder))
    expect(model).toMatchObject({ modelVersion, dimension: alone.dimension })
    const pairs = learnt.slice(0, 6)
    const captions = pairs.map(({ caption }) => caption)
    const pictures = pairs.map(({ imageId }) => ({ imageId, bytes: () => services.bytesOf(imageId) }))
    expect(largestDifference(await model.encodeTexts(captions), await alone.encodeTexts(captions))).toBeLessThan(1e-6)
    expect(largestDifference(await model.encodeImages(pictures), await alone.encodeImages(pictures))).toBeLessThan(1e-6)

    const expected = await published()
    if (expected === null) return
    const inputs = expected.pictures.map((bytes) => ({ imageId: null, bytes: async () => bytes }))
    expect(largestDifference(await model.encodeImages(inputs), expected.image_embeds)).toBeLessThan(1e-4)
    expect(largestDifference(await model.encodeTexts(expected.texts), expected.text_embeds)).toBeLessThan(1e-4)
  })

  it('says so in its card, and what licence to look for', async () => {
    const { services, train } = await requested({ CLIP_DIR: await writeTinyClip(), CLIP_ADAPTER_WIDTH: 0 })
    const { manifest } = await train()
    const card = await readFile(join(await services.models.open(manifest), 'README.md'), 'utf8')
    expect(card).toContain('the CLIP in `clip/` as it is')
    expect(card).toContain('nothing is known of its quality')
    expect(card).toContain('| `clip/onnx/vision_model.onnx` | ')
    expect(card).not.toMatch(/backbone turns|vocabulary|undefined|NaN/i)
  })
})

describe('a training of adapters', { timeout: 180_000 }, () => {
  it('is served as it was judged, and never worse than the CLIP alone', async () => {
    const { services, train, learnt } = await requested({ CLIP_DIR: await sharedClip() })
    const { manifest, metrics } = await train({ maximumEpochs: 12 })
    const model = await modelOf(services, manifest)
    const alone = await opened(openClipEncoder(services.clipSource?.folder ?? ''))
    const development = learnt.filter(({ splitKey }) => inDevelopmentFold(splitKey))
    for (const limit of [1, 5, 10]) {
      const [own, zeroShot] = [await recallAt(limit, model, development, services), await recallAt(limit, alone, development, services)] // prettier-ignore
      expect(own).toBeCloseTo(metrics[`development.recall_at_${limit}`] ?? NaN, 6)
      expect(zeroShot).toBeCloseTo(metrics[`zero_shot.recall_at_${limit}`] ?? NaN, 6)
    }
    const total = (fold: string) =>
      Object.entries(metrics).reduce((sum, [name, value]) => sum + (name.startsWith(`${fold}.`) && name.includes('recall_at') ? value : 0), 0) // prettier-ignore
    expect(total('development')).toBeGreaterThanOrEqual(total('zero_shot'))
    const card = await readFile(join(await services.models.open(manifest), 'README.md'), 'utf8')
    expect(card).toContain('| text to image, the CLIP alone | ')
  })

  it('starts from a champion on the same CLIP with adapters as wide, and from no other', async () => {
    const { services, request, train } = await requested({ CLIP_DIR: await writeTinyClip() })
    const { manifest } = await train({ maximumEpochs: 1 })
    const { parent, later } = await promoted(services, request, manifest)

    const { training } = (await services.models.manifest(manifest)) as unknown as { training: TrainingRecord }
    const parentOf = async (planned: TrainingRecord) => (await championOf(later, planned, services))?.parent
    expect(await parentOf(training)).toBe(parent)
    expect(await parentOf({ ...training, clip: 'another' })).toBeUndefined()
    expect(await parentOf({ ...training, clip: null })).toBeUndefined()
    const hyperparameters = { ...training.hyperparameters, adapterWidth: 4 }
    expect(await parentOf({ ...training, hyperparameters })).toBeUndefined()
    expect((await train({ start: 'champion', maximumEpochs: 1 }, later)).parent).toBe(parent)
  })

  it('refuses another CLIP than the one it was made on', async () => {
    const { services, train } = await requested({ CLIP_DIR: await writeTinyClip(), CLIP_ADAPTER_WIDTH: 4 })
    const folder = await services.models.open((await train({ maximumEpochs: 1 })).manifest)
    await opened(openDualEncoder(folder))
    await writeFiles(join(folder, 'clip'), { 'onnx/text_model.onnx': textTower({ factor: 2 }) })
    const refusal = {
      code: 'model-invalid',
      message: expect.stringContaining('put it together with the one') as string,
    }
    await expect(openDualEncoder(folder)).rejects.toMatchObject(refusal)
    await writeFile(join(folder, 'clip', 'tokenizer.json'), '{}')
    await expect(openDualEncoder(folder)).rejects.toMatchObject({ code: 'model-invalid' })
  })
})
