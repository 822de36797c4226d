import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { AppError } from '../../src/core/errors.ts'
import { modelVersionOf, pairKey } from '../../src/core/ids.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { requestRetraining } from '../../src/roles/commands.ts'
import { createServices } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { removeAnsweredJobs } from '../../src/training/answered-jobs.ts'
import { createRequestTrainer } from '../../src/training/train-request.ts'
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
  const train = (bytesOf = services.bytesOf) =>
    createRequestTrainer({
      ...services,
      bytesOf,
      workFolder: config.trainingFolder,
      seed: 1,
      threads: 1,
      maximumEpochs: 1,
      events: {},
    })(request, modelVersionOf(request.requestId), new AbortController().signal)
  const learnt = [...services.catalogue.livePairs()].filter(({ split }) => split === 'train')
  const imageIds = [...new Set(learnt.map(({ imageId }) => imageId))].sort()
  return { services, request, train, learnt, imageIds, jobFolder: join(config.trainingFolder, modelVersionOf(request.requestId)) } // prettier-ignore
}

describe('a requested training', () => {
  it('goes on without what is erased meanwhile, and keeps nothing of it', async () => {
    const { services, train, learnt, imageIds, jobFolder } = await requested()
    const { catalogue, log } = services
    expect(imageIds.length).toBeGreaterThan(65) // more than a slice
    const [first = '', second = ''] = imageIds
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
      return bytes
    })
    expect(manifest).toMatch(/^manifests\//)
    expect(asked).toContain(second)
    expect(asked).not.toContain(last)
    const gone = new Set([first, second, last])
    const examples = (await readFile(join(jobFolder, EXAMPLES_FILE), 'utf8')).trim().split('\n')
    expect(examples).toHaveLength(learnt.filter(({ imageId }) => !gone.has(imageId)).length)
    const { id } = await services.backbone()
    expect([...(await services.features.get(id, 'plain', imageIds)).keys()].sort()).toEqual(
      imageIds.filter((imageId) => !gone.has(imageId)),
    )
  })

  it('leaves its folder until it is answered, and no longer, whatever the answer', async () => {
    const { services, request, train, jobFolder } = await requested()
    const { catalogue, log, config } = services
    await train()
    await removeAnsweredJobs(config.trainingFolder, catalogue)
    expect(existsSync(jobFolder)).toBe(true)
    const { requestId } = request
    const modelVersion = modelVersionOf(requestId)
    const value = { ...topicValues['models.trained'], requestId, modelVersion, outcome: 'failed', manifest: null }
    await log.append([{ topic: 'models.trained', key: modelVersion, value }])
    await catalogue.caughtUp(log)
    await removeAnsweredJobs(config.trainingFolder, catalogue)
    expect(existsSync(jobFolder)).toBe(false)
  })
})
