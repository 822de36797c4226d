import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { AppError } from '../../src/core/errors.ts'
import type { RetrainingRequested } from '../../src/core/events.ts'
import { modelVersionOf, pairKey, releaseIdOf } from '../../src/core/ids.ts'
import type { Run } from '../../src/ports/tracking.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { requestRetraining } from '../../src/roles/commands.ts'
import { createServices } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { TrainingStart } from '../../src/training/starting-point.ts'
import { createRequestTrainer, type TrainingEvents } from '../../src/training/train-request.ts'
import { EXAMPLES_FILE } from '../../src/training/training-data.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { topicValues } from '../fixtures/topic-values.ts'

/** A platform with a few scenes, and a request to train on them. */
async function requested() {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'error' })
  const platform = await openPlatform(config, 'own')
  const logger = createLogger({ level: config.LOG_LEVEL })
  const services = await createServices(platform, logger, createMetrics({ processMetrics: false }))
  onTestFinished(async () => {
    await services.closeServices()
    await platform.close()
  })
  await publishSource(scenesSource({ count: 120, seed: 5 }), services.publisher)
  const request = await requestRetraining(services, 'manual', 'test')
  const trainFor = (
    asked: RetrainingRequested,
    start: TrainingStart,
    bytesOf = services.bytesOf,
    changes: Partial<Parameters<typeof createRequestTrainer>[0]> = {},
  ) =>
    createRequestTrainer({
      ...services,
      bytesOf,
      start,
      seed: 1,
      threads: 1,
      maximumEpochs: 1,
      events: {},
      ...changes,
    })(asked, modelVersionOf(asked.requestId), new AbortController().signal)
  const train = (bytesOf = services.bytesOf) => trainFor(request, 'scratch', bytesOf)
  const learnt = [...services.catalogue.livePairs()].filter(({ split }) => split === 'train')
  const imageIds = [...new Set(learnt.map(({ imageId }) => imageId))].sort()
  return { services, request, train, trainFor, learnt, imageIds, jobFolder: join(config.trainingFolder, modelVersionOf(request.requestId)) } // prettier-ignore
}

describe('a requested training', { timeout: 120_000 }, () => {
  it('goes on without what is erased meanwhile, and keeps nothing of it', async () => {
    const { services, train, learnt, imageIds, jobFolder } = await requested()
    const { catalogue, log } = services
    expect(imageIds.length).toBeGreaterThan(65) // more than a slice
    const [first = '', second = '', third = ''] = imageIds
    const last = imageIds.at(-1) ?? ''
    const erase = async (imageId: string): Promise<void> => {
      const pairs = learnt.filter((pair) => pair.imageId === imageId)
      await log.append(
        pairs.map(({ pairId }) => ({ topic: 'pairs', key: pairKey(imageId, pairId), value: null }) as const),
      )
      await catalogue.caughtUp(log)
    }
    const asked: string[] = []
    const { manifest } = await train(async (imageId) => {
      asked.push(imageId)
      const bytes = await services.bytesOf(imageId)
      // Its own bytes are read already; those of the other are never asked for.
      if (imageId === first) for (const erased of [first, last]) await erase(erased)
      if (imageId === second) throw new AppError('blob-missing', 'It was swept.')
      if (imageId === third) throw new AppError('image-too-large', 'It is far too narrow for this backbone.')
      return bytes
    })
    expect(manifest).toMatch(/^manifests\//)
    expect(asked).toContain(second)
    expect(asked).not.toContain(last)
    const gone = new Set([first, second, third, last])
    const examples = (await readFile(join(jobFolder, EXAMPLES_FILE), 'utf8')).trim().split('\n')
    expect(examples).toHaveLength(learnt.filter(({ imageId }) => !gone.has(imageId)).length)
    const { id } = await services.backbone()
    expect([...(await services.features.get(id, 'plain', imageIds)).keys()].sort()).toEqual(
      imageIds.filter((imageId) => !gone.has(imageId)),
    )
  })

  it('stores its weights as it is told to, and a card that says so and names the snapshot', async () => {
    const { services, request, trainFor } = await requested()
    const { models } = services
    const { manifest, metrics } = await trainFor(request, 'scratch', services.bytesOf, { exportPrecision: 'int8' })
    expect(await models.manifest(manifest)).toMatchObject({
      training: { hyperparameters: { exportPrecision: 'int8' } },
      files: expect.arrayContaining([expect.objectContaining({ path: 'README.md' })]) as unknown,
    })
    const folder = await models.open(manifest)
    const { precision } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { precision: string }
    expect(metrics['export.int8_recall_lost']).toBeDefined()
    expect(precision).toBe({ 32: 'fp32', 16: 'fp16', 8: 'int8' }[metrics['export.bits'] ?? 0])
    const card = await readFile(join(folder, 'README.md'), 'utf8')
    expect(card).toContain(`stored as ${precision}`)
    expect(card).toContain(/[0-9a-f]{64}/.exec(request.snapshot)?.[0])
  })

  it('shows its curve while it runs, and its manifest at the end', async () => {
    const { services, request, trainFor } = await requested()
    const { tracking, blobs } = services
    const modelVersion = modelVersionOf(request.requestId)
    const seen: Promise<unknown>[] = []
    const events: TrainingEvents = {
      onProgress(_, { developmentRecall }) {
        // A moment later, and long before the training ends.
        if (developmentRecall !== undefined) seen.push(new Promise(setImmediate).then(() => tracking.run(modelVersion)))
      },
    }
    const { manifest } = await trainFor(request, 'scratch', services.bytesOf, { maximumEpochs: 3, events })
    const losses = (await Promise.all(seen)).map((run) => (run as Run).metrics['loss']?.map(({ step }) => step))
    expect(losses.slice(0, 2)).toEqual([[1], [1, 2]])
    const run = await tracking.run(modelVersion)
    expect(run?.state).toBe('finished')
    expect(run?.metrics['development_recall_10']?.map(({ step }) => step)).toEqual([1, 2, 3])
    expect(await tracking.readArtefact(modelVersion, 'manifest.json')).toEqual(await blobs.get(manifest))
    expect((await tracking.versions()).map((version) => version.manifest)).toEqual([manifest])
  })

  it('is not lost where its run is deleted, and fails with its curve and the reason', async () => {
    const { services, request, trainFor } = await requested()
    const { tracking, models } = services
    const refuse = () => Promise.reject(new AppError('not-found', 'Somebody deleted the run.'))
    const deleted = { ...tracking, startRun: refuse, logMetrics: refuse, logArtefact: refuse, endRun: refuse }
    const logger = createLogger({ level: 'silent' })
    const changes = { tracking: deleted, logger }
    expect((await trainFor(request, 'scratch', services.bytesOf, changes)).manifest).toMatch(/^manifests\//)
    const broken = { ...models, save: () => Promise.reject(new AppError('model-invalid', 'A file is missing.')) }
    const other = { ...request, requestId: randomUUID() }
    const failing = trainFor(other, 'scratch', services.bytesOf, { models: broken, maximumEpochs: 2 })
    await expect(failing).rejects.toMatchObject({ code: 'model-invalid' })
    const run = await tracking.run(modelVersionOf(other.requestId))
    expect([run?.state, run?.artefacts]).toEqual(['failed', ['failure.txt']])
    expect(run?.metrics['loss']?.length).toBeGreaterThan(0)
  })

  it('prepares nothing while its run cannot be shown, and trains once where that cannot end, though a pair is erased', async () => {
    const { services, request, trainFor, learnt, jobFolder } = await requested()
    const { catalogue, log, tracking, jobFolders } = services
    const away = () => Promise.reject(new AppError('tracking-unavailable', 'It is away.'))
    const refuse = () => Promise.reject(new Error('it must not come to this'))
    const waiting = trainFor(request, 'scratch', refuse, { tracking: { ...tracking, startRun: away } })
    await expect(waiting).rejects.toMatchObject({ code: 'tracking-unavailable' })
    expect(existsSync(jobFolder)).toBe(false)

    const manifests: string[] = []
    const models = {
      ...services.models,
      async save(...given: Parameters<typeof services.models.save>) {
        const manifest = await services.models.save(...given)
        manifests.push(manifest)
        return manifest
      },
    }
    const changes = { models, tracking: { ...tracking, logMetrics: away, register: away } }
    const unfinished = trainFor(request, 'scratch', services.bytesOf, changes)
    await expect(unfinished).rejects.toMatchObject({ code: 'tracking-unavailable' })
    const [erased] = learnt
    if (erased === undefined) throw new Error('no pair to erase')
    await log.append([{ topic: 'pairs', key: pairKey(erased.imageId, erased.pairId), value: null }])
    await catalogue.caughtUp(log)
    expect(await jobFolders.forget((pairId) => pairId === erased.pairId)).toBe(true)

    const backbone = refuse
    // Of another log it would be the answer to another request, and without its model it is none.
    for (const changed of [
      { log: { identity: () => Promise.resolve('another log') } },
      { blobs: { ...services.blobs, info: () => Promise.resolve(null) } },
    ]) {
      const again = trainFor(request, 'scratch', refuse, { backbone: away, ...changed })
      await expect(again).rejects.toMatchObject({ code: 'tracking-unavailable' })
    }
    const { manifest, metrics } = await trainFor(request, 'scratch', refuse, { backbone })
    expect([manifest]).toEqual(manifests)
    expect(metrics['training.examples']).toBeGreaterThan(0)
    const run = await tracking.run(modelVersionOf(request.requestId))
    expect([run?.state, run?.metrics['loss']?.length, run?.artefacts]).toEqual(['finished', 1, ['manifest.json']])
    expect((await tracking.versions()).map((version) => version.manifest)).toEqual(manifests)
  })

  it('leaves its folder until it is answered, and no longer, whatever the answer', async () => {
    const { services, request, train, jobFolder } = await requested()
    const { catalogue, log, jobFolders } = services
    await train()
    await jobFolders.removeAnswered(catalogue)
    expect(existsSync(jobFolder)).toBe(true)
    const { requestId } = request
    const modelVersion = modelVersionOf(requestId)
    const value = { ...topicValues['models.trained'], requestId, modelVersion, outcome: 'failed', manifest: null }
    await log.append([{ topic: 'models.trained', key: modelVersion, value }])
    await catalogue.caughtUp(log)
    await jobFolders.removeAnswered(catalogue)
    expect(existsSync(jobFolder)).toBe(false)
  })

  it('starts from the champion as of the request where it is told to, and says so; else from nothing', async () => {
    const { services, request, trainFor } = await requested()
    const { catalogue, log, models } = services
    const parent = modelVersionOf(request.requestId)
    const { manifest } = await trainFor(request, 'champion')
    await log.append([
      { topic: 'models.trained', key: parent, value: { ...topicValues['models.trained'], requestId: request.requestId, modelVersion: parent, outcome: 'trained', manifest } },
    ]) // prettier-ignore
    const releaseId = releaseIdOf(null, 'promoted', parent)
    const release = { releaseId, follows: null, state: 'promoted', modelVersion: parent, generation: 'g1' } as const
    const value = { ...release, reason: 'better', evidence: null, decidedAt: request.requestedAt + 10 }
    await log.append([{ topic: 'releases', key: releaseId, value }])
    await catalogue.caughtUp(log)

    const asked = async (later: number, start: TrainingStart) => {
      const requestedAt = value.decidedAt + later
      const trained = await trainFor({ ...request, requestId: randomUUID(), requestedAt }, start)
      const { files, ...about } = await models.manifest(trained.manifest)
      return { trained, about, heads: files.find(({ path }) => path.endsWith('image_head.onnx'))?.sha256 }
    }
    const [before, scratch, warm] = [await asked(-1, 'champion'), await asked(1, 'scratch'), await asked(1, 'champion')]
    expect([before, scratch, warm].map(({ trained }) => trained.parent)).toEqual([null, null, parent])
    expect([before, scratch, warm].map(({ about }) => about['parent'])).toEqual([null, null, parent])
    expect(before.heads).toBe(scratch.heads)
    expect(warm.heads).not.toBe(scratch.heads)
    expect(warm.about['training']).toMatchObject({
      seed: 1,
      backbone: (await services.backbone()).id,
      hyperparameters: { maximumEpochs: 1, batchSize: expect.any(Number) as number },
    })
  })
})
