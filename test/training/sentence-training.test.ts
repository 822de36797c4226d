import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { modelVersionOf, pairKey } from '../../src/core/ids.ts'
import { inDevelopmentFold } from '../../src/core/split.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import type { SentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { erasePair, requestRetraining } from '../../src/roles/commands.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { championOf, type TrainingRecord } from '../../src/training/starting-point.ts'
import { createRequestTrainer } from '../../src/training/train-request.ts'
import { EXAMPLES_FILE, SENTENCES_FILE } from '../../src/training/training-data.ts'
import { sceneSentenceEncoder, writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { openedServices } from '../roles/opened-services.ts'
import { promoted } from './promoted.ts'
import { recallAt } from './recall-at.ts'

type Changes = Partial<Parameters<typeof createRequestTrainer>[0]>

/** Scenes, a sentence encoder, and a request to train on them. */
async function requested(sentenceFolder: string, settings: Readonly<Record<string, string | number>> = {}) {
  const services = await openedServices({ SENTENCE_ENCODER_DIR: sentenceFolder, ...settings })
  const { config, catalogue } = services
  await publishSource(scenesSource({ count: 120, seed: 5 }), services.publisher)
  const request = await requestRetraining(services, 'manual', 'test')
  const train = (changes: Changes = {}, signal = new AbortController().signal, asked = request) =>
    createRequestTrainer({
      ...services,
      start: 'scratch',
      seed: 1,
      threads: 1,
      maximumEpochs: 1,
      textTower: config.TEXT_TOWER,
      imageViews: config.IMAGE_VIEWS,
      events: {},
      ...changes,
    })(asked, modelVersionOf(asked.requestId), signal)
  const learnt = [...catalogue.livePairs()].filter(({ split }) => split === 'train')
  const jobFolder = join(config.trainingFolder, modelVersionOf(request.requestId))
  return { services, request, train, learnt, jobFolder }
}

/** An encoder that counts the texts it is given. */
function counting(encoder: SentenceEncoder) {
  let texts = 0
  const encode: SentenceEncoder['encode'] = (given) => {
    texts += given.length
    return encoder.encode(given)
  }
  return { encoder: { ...encoder, encode }, texts: () => texts }
}

describe('a training on a sentence encoder', { timeout: 180_000 }, () => {
  it.each([
    ['bag', 'mirrored'],
    ['none', 'corners'],
  ] as const)('is served as it was judged, and finds; word tower: %s, views: %s', async (tower, imageViews) => {
    const made = await requested(await sceneSentenceEncoder(), { TEXT_TOWER: tower, IMAGE_VIEWS: imageViews })
    const { services, train, learnt } = made
    const read: number[] = []
    const onCaptions = (done: number, total: number) => {
      expect(total).toBe(learnt.length)
      read.push(done)
    }
    const { manifest, metrics } = await train({ maximumEpochs: 12, events: { onCaptions } })
    expect(read.length).toBeGreaterThan(1)
    expect(read).toEqual([...read].sort((a, b) => a - b))
    expect(read.at(-1)).toBe(learnt.length)

    const { training, files } = await services.models.manifest(manifest)
    const { id } = (await services.sentenceEncoder()) as SentenceEncoder
    expect(training).toMatchObject({ sentenceEncoder: id, hyperparameters: { wordTower: tower, imageViews } })
    expect(files.map(({ path }) => path)).toContain('sentence/tokenizer.json')

    const encoder = await openDualEncoder(await services.models.open(manifest))
    onTestFinished(() => encoder.close())
    const development = learnt.filter(({ splitKey }) => inDevelopmentFold(splitKey))
    for (const limit of [1, 5, 10]) {
      const recall = await recallAt(limit, encoder, development, services)
      expect(recall).toBeCloseTo(metrics[`development.recall_at_${limit}`] ?? NaN, 6)
    }
    const taught = learnt.filter(({ splitKey }) => !inDevelopmentFold(splitKey)).slice(0, 150)
    expect(await recallAt(5, encoder, taught, services)).toBeGreaterThan(0.4)
  })

  it('goes on where its preparation was interrupted, and the next one reads no caption again', async () => {
    const { services, request, train, learnt } = await requested(await sceneSentenceEncoder())
    const { encoder, texts } = counting((await services.sentenceEncoder()) as SentenceEncoder)
    const sentenceEncoder = () => Promise.resolve(encoder)
    const stopping = new AbortController()
    const events = { onCaptions: () => stopping.abort() }
    await expect(train({ sentenceEncoder, events }, stopping.signal)).rejects.toMatchObject({ code: 'not-ready' })
    expect(texts()).toBeGreaterThan(0)
    expect(texts()).toBeLessThan(learnt.length)
    await train({ sentenceEncoder })
    expect(texts()).toBe(learnt.length)
    await train({ sentenceEncoder }, undefined, { ...request, requestId: randomUUID() })
    expect(texts()).toBe(learnt.length)
  })

  it('starts from the champion only where that has the same encoder and tower', async () => {
    const folder = await sceneSentenceEncoder()
    const { services, request, train } = await requested(folder)
    const { manifest } = await train()
    const { parent, later } = await promoted(services, request, manifest)

    const { training } = (await services.models.manifest(manifest)) as unknown as { training: TrainingRecord }
    const parentOf = async (planned: TrainingRecord) => (await championOf(later, planned, services))?.parent
    expect(await parentOf(training)).toBe(parent)
    expect(await parentOf({ ...training, sentenceEncoder: 'another' })).toBeUndefined()
    expect(await parentOf({ ...training, sentenceEncoder: null })).toBeUndefined()
    const hyperparameters = { ...training.hyperparameters, wordTower: 'none' } as const
    expect(await parentOf({ ...training, hyperparameters })).toBeUndefined()
    expect((await train({ start: 'champion' }, undefined, later)).parent).toBe(parent)
  })
})

/** All bytes of the files below a folder. */
async function bytesBelow(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Buffer.concat(files.map((file) => readFileSync(file)))
}

describe('an erased pair', { timeout: 180_000 }, () => {
  it('leaves no embedding of its caption anywhere, in the middle of a training', async () => {
    const { services, learnt, jobFolder } = await requested(await writeTinySentenceEncoder(['a', 'red', 'blue']), {
      TRAINING_EPOCHS: 4,
    })
    const { catalogue, config, blobs, log } = services
    const [erased] = learnt
    if (erased === undefined) throw new Error('no pair to erase')
    const encoder = (await services.sentenceEncoder()) as SentenceEncoder
    const needle = Buffer.from(erased.pairId.replaceAll('-', ''), 'hex')
    const keptIn = async (): Promise<Record<string, boolean>> => {
      const stored: Uint8Array[] = []
      for await (const { key } of blobs.list(`features/${encoder.id}/`)) stored.push((await blobs.get(key)) ?? needle)
      const known = await services.features.get(encoder.id, 'caption', [erased.pairId])
      return {
        memory: known.size > 0,
        local: (await bytesBelow(join(config.featureFolder, encoder.id))).includes(needle),
        blobs: Buffer.concat(stored).includes(needle),
      }
    }
    /** The embedding of the caption among the data of the training, if its row is not blank. */
    const inJob = async (): Promise<boolean> => {
      if (!existsSync(join(jobFolder, EXAMPLES_FILE))) return false
      const rows = await readFile(join(jobFolder, SENTENCES_FILE))
      const row = rows.subarray(4 * encoder.width * sentence, 4 * encoder.width * (sentence + 1))
      return row.some((byte) => byte !== 0)
    }
    let sentence = NaN
    let running: unknown
    let afterwards: unknown
    const erasing: Promise<void>[] = []
    const eraseAndLook = async (): Promise<void> => {
      const lines = (await readFile(join(jobFolder, EXAMPLES_FILE), 'utf8')).trim().split('\n')
      const line = lines.find((text) => text.includes(erased.pairId)) ?? '{}'
      sentence = (JSON.parse(line) as { sentence: number }).sentence
      running = { ...(await keptIn()), job: await inJob() }
      await erasePair(services, erased.pairId, 'a person')
      await new Promise<void>((resolve) => {
        const stop = catalogue.onChange(() => {
          if (catalogue.erasure(erased.pairId)?.state !== 'done') return
          stop()
          resolve()
        })
      })
      afterwards = { ...(await keptIn()), job: await inJob() }
    }
    const roles = await startRoles(services, ['train', 'erase'], {
      onProgress() {
        if (erasing.length === 0) erasing.push(eraseAndLook())
      },
    })
    onTestFinished(() => roles.stop())
    const isAnswered = async () => ((await log.committedOffsets('train', 'retraining.requested')).get(0) ?? 0) > 0
    while (!(await isAnswered())) await new Promise((resolve) => setTimeout(resolve, 20))
    await Promise.all(erasing)
    expect(running).toEqual({ memory: true, local: true, blobs: true, job: true })
    expect(afterwards).toEqual({ memory: false, local: false, blobs: false, job: false })
    expect(existsSync(jobFolder)).toBe(false)
    expect(await keptIn()).toEqual({ memory: false, local: false, blobs: false })
  })

  it('is swept where another process kept its embedding that did not know of the erasure', async () => {
    const { services, learnt } = await requested(await writeTinySentenceEncoder(['a', 'red', 'blue']))
    const { features, catalogue, log } = services
    const [erased, kept] = learnt
    if (erased === undefined || kept === undefined) throw new Error('no pairs')
    await features.put('an-encoder', 'caption', [[erased.pairId, Float32Array.of(1)], [kept.pairId, Float32Array.of(2)]]) // prettier-ignore
    await features.flush()
    await log.append([{ topic: 'pairs', key: pairKey(erased.imageId, erased.pairId), value: null }])
    await catalogue.caughtUp(log)
    await features.sweep()
    const left = await features.get('an-encoder', 'caption', [erased.pairId, kept.pairId])
    expect([...left.keys()]).toEqual([kept.pairId])
  })
})
