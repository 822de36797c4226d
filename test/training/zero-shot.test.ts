import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import { defaultHyperparameters } from '../../src/training/hyperparameters.ts'
import type { TrainingJob } from '../../src/training/job.ts'
import { normal, randomStream } from '../../src/training/random.ts'
import { trainModel } from '../../src/training/train.ts'
import { writeTrainingData, type TrainingImage } from '../../src/training/training-data.ts'
import { betterOf } from '../../src/training/zero-shot.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const WIDTH = 24

type Scenes = { readonly images?: number; readonly noise: number; readonly turned?: boolean; readonly folds?: boolean }

/** Pictures with an embedding, and a caption with the same but for noise; turned, some axes of captions point the other way. */
function* embedded({ images = 240, noise, turned = false, folds = true }: Scenes): Iterable<TrainingImage> {
  const random = randomStream(11)
  for (let index = 0; index < images; index++) {
    const view = Float32Array.from({ length: WIDTH }, () => normal(random))
    const sentence = view.map((value, i) => value * (turned && i < 10 ? -1 : 1) + noise * normal(random))
    const fold = folds && index % 5 === 0 ? 'development' : 'train'
    yield { views: [view], captions: [`picture ${index}`], sentences: [sentence], fold }
  }
}

async function jobOn(scenes: Scenes, changes: Partial<TrainingJob['hyperparameters']> = {}): Promise<TrainingJob> {
  const folder = await temporaryFolder()
  const jobFolder = join(folder, 'job')
  await writeTrainingData(jobFolder, embedded(scenes))
  const hyperparameters = {
    ...defaultHyperparameters(200),
    wordTower: 'none' as const,
    adapterWidth: 48,
    batchSize: 48,
  }
  return {
    jobFolder,
    outputFolder: join(folder, 'model'),
    modelVersion: 'm-test',
    seed: 1,
    threads: 1,
    featureWidth: WIDTH,
    sentenceWidth: WIDTH,
    clip: { id: 'a-clip' },
    initialFolder: null,
    hyperparameters: {
      ...hyperparameters,
      imageViews: 'plain',
      maximumEpochs: 30,
      patience: 30,
      checkpointEvery: 3,
      ...changes,
    },
  }
}

const train = (job: TrainingJob) => trainModel(job, () => undefined)

/** What the heads make of a row. */
async function throughHeads(folder: string, row: Float32Array): Promise<readonly Float32Array[]> {
  const file = (name: string) => openOnnxSession(join(folder, 'onnx', name))
  const feed = { data: row, shape: [1, WIDTH] }
  const [head, text] = [await file('image_head.onnx'), await file('text_model.onnx')]
  const { image_embeds } = await head.run({ features: feed }, ['image_embeds'])
  const { text_embeds } = await text.run({ sentence_embeds: feed }, ['text_embeds'])
  await Promise.all([head.close(), text.close()])
  return [image_embeds.data, text_embeds.data]
}

async function expectIdentity(folder: string): Promise<void> {
  const row = Float32Array.from({ length: WIDTH }, (_, i) => Math.sin(i + 1))
  const length = Math.hypot(...row)
  for (const vector of await throughHeads(folder, row)) {
    for (const [i, value] of vector.entries()) expect(value).toBeCloseTo((row[i] ?? 0) / length, 6)
  }
}

const sumOf = (metrics: Readonly<Record<string, number>>, fold: string): number =>
  ['', 'image_to_text_'].flatMap((way) => [1, 5, 10].map((limit) => metrics[`${fold}.${way}recall_at_${limit}`] ?? NaN)).reduce((sum, value) => sum + value) // prettier-ignore

describe('adapters', { timeout: 60_000 }, () => {
  it('are exported where they find more than the CLIP alone', async () => {
    const job = await jobOn({ noise: 0.3, turned: true })
    const { bestEpoch, metrics, vocabularySize } = await train(job)
    expect(bestEpoch).toBeGreaterThan(0)
    expect(sumOf(metrics, 'development')).toBeGreaterThan(sumOf(metrics, 'zero_shot') + 0.5)
    expect(vocabularySize).toBe(0)
    const config = JSON.parse(await readFile(join(job.outputFolder, 'config.json'), 'utf8')) as unknown
    expect(config).toMatchObject({
      clip: { id: 'a-clip', adapter_width: 48 },
      views: ['plain'],
      projection_dim: WIDTH,
      text_tower: null,
    })
  })

  it.each([
    ['find no more, because all is found', { noise: 0.01 }, {}],
    ['find less, because they were trained too fast', { noise: 0.6 }, { learningRate: 3, maximumEpochs: 2 }],
    ['cannot be judged', { noise: 0.3, turned: true, folds: false }, {}],
  ])('are left out where they %s', async (_, scenes, changes) => {
    const job = await jobOn(scenes, changes)
    const { bestEpoch, metrics, epochsRun } = await train(job)
    expect(bestEpoch).toBe(0)
    expect(epochsRun).toBeGreaterThan(0)
    expect(sumOf(metrics, 'development')).toBe(sumOf(metrics, 'zero_shot'))
    await expectIdentity(job.outputFolder)
  })

  it('are left out where fewer bits have taken what they gained', () => {
    const candidate = (at1: number) => {
      const recall = { at1, at5: 0.5, at10: 0.6 }
      const files = { imageHead: new Uint8Array(), textModel: new Uint8Array() }
      const exported = {
        precision: 'int8',
        files,
        recall: { textToImage: recall, imageToText: recall },
        metrics: {},
      } as const
      return { weights: {}, exported }
    }
    const zeroShot = candidate(0.3)
    for (const [at1, isKept] of [
      [0.299, false],
      [0.3, false],
      [0.301, true],
    ] as const) {
      const learned = candidate(at1)
      expect(betterOf(learned, zeroShot)).toBe(isKept ? learned : zeroShot)
    }
  })

  it('are the same after a stop, bit for bit', async () => {
    const [whole, cut] = [await jobOn({ noise: 0.3, turned: true }), await jobOn({ noise: 0.3, turned: true })]
    const expected = await train(whole)
    const stop = new AbortController()
    const stopped = trainModel(cut, ({ step }) => step >= 7 && stop.abort(), stop.signal)
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    expect(await train(cut)).toEqual(expected)
    for (const file of ['config.json', 'onnx/image_head.onnx', 'onnx/text_model.onnx']) {
      expect((await readFile(join(cut.outputFolder, file))).equals(await readFile(join(whole.outputFolder, file)))).toBe(true) // prettier-ignore
    }
  })

  it('are gone on with by a later training, which is compared with the CLIP alone, too', async () => {
    const first = await jobOn({ noise: 0.3, turned: true })
    const { metrics } = await train(first)
    const parent = { initialFolder: first.outputFolder, modelVersion: 'm-next' }
    const next = { ...(await jobOn({ noise: 0.3, turned: true }, { maximumEpochs: 1 })), ...parent }
    const scratch = await train(await jobOn({ noise: 0.3, turned: true }, { maximumEpochs: 1 }))
    const continued = await train(next)
    expect(sumOf(continued.metrics, 'zero_shot')).toBe(sumOf(metrics, 'zero_shot'))
    expect(sumOf(continued.metrics, 'development')).toBeGreaterThan(sumOf(scratch.metrics, 'development') + 0.3)

    // One that was left out can be gone on with as well.
    const left = await jobOn({ noise: 0.01 })
    await train(left)
    await train({ ...(await jobOn({ noise: 0.01 }, { maximumEpochs: 1 })), initialFolder: left.outputFolder })
  })

  it('of no width are no training: the heads are there without data', async () => {
    const job = await jobOn({ noise: 0.3 }, { adapterWidth: 0 })
    expect(await train({ ...job, jobFolder: join(job.jobFolder, 'nowhere') })).toMatchObject({
      epochsRun: 0,
      bestEpoch: 0,
      history: [],
    })
    await expectIdentity(job.outputFolder)
  })
})
