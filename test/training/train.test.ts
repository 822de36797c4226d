import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createTokeniser } from '../../src/models/tokeniser.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import type { TrainingProgress } from '../../src/training/job.ts'
import type { TrainingReport } from '../../src/training/process-messages.ts'
import { trainInProcess, trainingProgram } from '../../src/training/run-in-process.ts'
import { EXAMPLES_FILE, writeTrainingData } from '../../src/training/training-data.ts'
import { trainModel } from '../../src/training/train.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { modelHashes, scenes, smallJob } from './small-job.ts'

const ignore = () => undefined

describe('training', () => {
  it('learns: most development captions find their picture, and the loss falls', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 20 })
    const reports: TrainingProgress[] = []
    const result = await trainModel(job, (progress) => reports.push(progress))
    const losses = result.history.map((epoch) => epoch.loss)
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) * 0.9)
    expect(result.metrics['development.recall_at_10']).toBeGreaterThan(0.9)
    expect(result.history[result.bestEpoch - 1]?.developmentRecall).toBe(result.metrics['development.recall_at_10'])
    expect(reports.at(-1)).toMatchObject({ epochs: 20, developmentRecall: expect.any(Number) as number })
    expect(reports.every((progress) => progress.secondsLeft >= 0)).toBe(true)
  })

  it('writes a model that encodes texts and features as unit vectors for any batch size', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 2 })
    await trainModel(job, ignore)
    const config = JSON.parse(await readFile(join(job.outputFolder, 'config.json'), 'utf8')) as Record<string, unknown>
    expect(config).toMatchObject({
      model_type: 'pairstream-dual-encoder',
      projection_dim: 32,
      feature_width: 24,
      max_length: 8,
    })
    const tokeniser = createTokeniser(JSON.parse(await readFile(join(job.outputFolder, 'tokenizer.json'), 'utf8')))
    expect(config['vocab_size']).toBe(tokeniser.size)
    const text = await openOnnxSession(join(job.outputFolder, 'onnx/text_model.onnx'))
    for (const texts of [['a red circle'], ['blue ring', 'nothing known', 'a white line at the top']]) {
      const input = BigInt64Array.from(
        texts.flatMap((words) => Array.from({ length: 8 }, (_, i) => BigInt(tokeniser.encode(words)[i] ?? 0))),
      )
      const shape = [texts.length, 8]
      const mask = input.map((id) => (id === 0n ? 0n : 1n))
      const feeds = { input_ids: { data: input, shape }, attention_mask: { data: mask, shape } }
      const { text_embeds } = await text.run(feeds, ['text_embeds'])
      expect(text_embeds.shape).toEqual([texts.length, 32])
      for (let row = 0; row < texts.length; row++) {
        const vector = text_embeds.data.subarray(row * 32, row * 32 + 32)
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
      }
    }
    await text.close()
  })

  it('is a function of the seed, bit for bit, at one thread and at two', async () => {
    const hashes = []
    for (const { seed, threads } of [
      { seed: 1, threads: 1 },
      { seed: 1, threads: 2 },
      { seed: 2, threads: 1 },
    ]) {
      const job = { ...(await smallJob(await temporaryFolder(), { maximumEpochs: 2 })), seed, threads }
      await trainModel(job, ignore)
      hashes.push((await modelHashes(job.outputFolder))['onnx/text_model.onnx'])
    }
    expect(hashes[1]).toBe(hashes[0])
    expect(hashes[2]).not.toBe(hashes[0])
  })

  it('exports in fewer bits what loses no recall by it, bit for bit; another training starts from it', async () => {
    const wide = { maximumEpochs: 4, embeddingWidth: 64, wordWidth: 64 } as const
    const full = await smallJob(await temporaryFolder(), wide)
    await trainModel(full, ignore)
    const hashes = []
    for (const folder of [await temporaryFolder(), await temporaryFolder()]) {
      const job = await smallJob(folder, { ...wide, exportPrecision: 'int8' })
      const { metrics } = await trainModel(job, ignore)
      expect(metrics['export.bits']).toBe(8)
      expect(metrics['export.int8_recall_lost']).toBeLessThanOrEqual(0.005)
      hashes.push(await modelHashes(job.outputFolder))
      const sizes = [job, full].map(async ({ outputFolder }) => stat(join(outputFolder, 'onnx/text_model.onnx')))
      const [small, large] = await Promise.all(sizes)
      expect(small?.size).toBeLessThan((large?.size ?? 0) / 2)
      const child = await smallJob(await temporaryFolder(), { ...wide, maximumEpochs: 1, learningRate: 1e-6 })
      const warm = await trainModel({ ...child, initialFolder: job.outputFolder }, ignore)
      expect(warm.metrics['development.recall_at_10']).toBeCloseTo(metrics['development.recall_at_10'] ?? 0, 1)
    }
    expect(hashes[0]).toEqual(hashes[1])
    expect(hashes[0]).not.toEqual(await modelHashes(full.outputFolder))
  })

  it.each([3, 6, 14])('killed after step %i, goes on to the weights of an uninterrupted run', async (killAt) => {
    const whole = await smallJob(await temporaryFolder())
    const uninterrupted = await trainModel(whole, ignore)
    const job = await smallJob(await temporaryFolder())
    const child = fork(trainingProgram)
    child.on('message', (message: TrainingReport) => {
      if (message.type === 'progress' && message.progress.step >= killAt) child.kill('SIGKILL')
    })
    child.send({ job })
    const [, killedBy] = (await once(child, 'exit')) as [number | null, string | null]
    expect(killedBy).toBe('SIGKILL')

    const steps: number[] = []
    const resumed = await trainModel(job, (progress) => steps.push(progress.step))
    expect(steps[0]).toBeGreaterThan(killAt < 4 ? 0 : 4)
    expect(resumed).toEqual(uninterrupted)
    expect(await modelHashes(job.outputFolder)).toEqual(await modelHashes(whole.outputFolder))
  })

  it('starts from the weights of a parent, word by word', async () => {
    const parent = await smallJob(await temporaryFolder(), { maximumEpochs: 12 })
    const { metrics } = await trainModel(parent, ignore)
    const child = await smallJob(await temporaryFolder(), { maximumEpochs: 1, learningRate: 1e-6 })
    const warm = await trainModel({ ...child, initialFolder: parent.outputFolder }, ignore)
    expect(warm.metrics['development.recall_at_10']).toBeCloseTo(metrics['development.recall_at_10'] ?? 0, 1)
    const narrower = await smallJob(await temporaryFolder(), { wordWidth: 16 })
    await expect(trainModel({ ...narrower, initialFolder: parent.outputFolder }, ignore)).rejects.toMatchObject({
      code: 'training-failed',
      message: expect.stringContaining('train from scratch') as string,
    })
  })

  it('stops early when the development recall no longer rises, and exports the best epoch', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 40, patience: 2, learningRate: 1e-2 })
    const result = await trainModel(job, ignore)
    expect(result.epochsRun).toBeLessThan(40)
    expect(result.bestEpoch).toBe(result.epochsRun - 2)
  })
})

describe('training on data that are too few', () => {
  const image = {
    views: [new Float32Array(24).fill(1), new Float32Array(24).fill(1)],
    captions: ['a cat'],
    fold: 'train' as const,
  }

  it('goes by the training loss where there is no development fold', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 3 })
    const learnt = [...scenes(60)].map((scene) => ({ ...scene, fold: 'train' as const }))
    await writeTrainingData(job.jobFolder, learnt)
    const result = await trainModel(job, ignore)
    const losses = result.history.map(({ loss }) => loss)
    expect(result).toMatchObject({ epochsRun: 3, bestEpoch: losses.indexOf(Math.min(...losses)) + 1 })
  })

  it('learns from a single pair without dividing by nothing', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 2, minimumWordCount: 1 })
    await writeTrainingData(job.jobFolder, [image])
    expect((await trainModel(job, ignore)).history[0]?.loss).toBeCloseTo(0, 5)
  })

  it('fails with what to do when the loss is no number', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 2 })
    await writeTrainingData(job.jobFolder, [
      { ...image, views: image.views.map((view) => view.slice().fill(Number.NaN)) },
    ])
    await expect(trainModel(job, ignore)).rejects.toMatchObject({ code: 'training-failed' })
  })
})

describe('training in a process of its own', () => {
  it('gives the same model, with progress', async () => {
    const here = await smallJob(await temporaryFolder(), { maximumEpochs: 2 })
    const there = await smallJob(await temporaryFolder(), { maximumEpochs: 2 })
    let steps = 0
    const result = await trainInProcess(there, ({ step }) => (steps = Math.max(steps, step)))
    expect(result).toEqual(await trainModel(here, ignore))
    expect(steps).toBe(22)
    expect(await modelHashes(there.outputFolder)).toEqual(await modelHashes(here.outputFolder))
  })

  it('says why it failed', async () => {
    const job = await smallJob(await temporaryFolder())
    await writeFile(join(job.jobFolder, EXAMPLES_FILE), '')
    await expect(trainInProcess(job, ignore)).rejects.toMatchObject({
      code: 'training-failed',
      message: expect.stringContaining('no example to learn from') as string,
    })
  })

  it('ends when its parent is gone', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 1_000, patience: 1_000 })
    const child = fork(trainingProgram)
    // A listener that stays: Node trips over messages that arrive after disconnecting where there is none.
    child.on('message', () => child.connected && child.disconnect())
    child.send({ job })
    expect(await once(child, 'exit')).toEqual([1, null])
  })

  it('ends when it is aborted', async () => {
    const job = await smallJob(await temporaryFolder(), { maximumEpochs: 1_000, patience: 1_000 })
    const controller = new AbortController()
    const reason = new Error('shutting down')
    const training = trainInProcess(job, () => controller.abort(reason), controller.signal)
    await expect(training).rejects.toBe(reason)
  })
})
