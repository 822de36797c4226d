import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { erasePair, requestRetraining } from '../../src/roles/commands.ts'
import { createServices } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { EXAMPLES_FILE } from '../../src/training/training-data.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

it('keeps no caption of an erased pair once the receipt is done, and none at all once the training is answered', async () => {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'silent', TRAINING_EPOCHS: 3 })
  const platform = await openPlatform(config, 'own')
  const services = await createServices(
    platform,
    createLogger({ level: 'silent' }),
    createMetrics({ processMetrics: false }),
  )
  const { catalogue, log } = services
  await publishSource(scenesSource({ count: 120, seed: 5 }), services.publisher)
  await catalogue.caughtUp(log)
  const erased = [...catalogue.livePairs()].find(({ split }) => split === 'train')
  if (erased === undefined) throw new Error('no pair to train on')

  const examples = async (): Promise<string> => {
    const [name] = await readdir(config.trainingFolder)
    const path = join(config.trainingFolder, name ?? '', EXAMPLES_FILE)
    return existsSync(path) ? readFile(path, 'utf8') : ''
  }
  let running = ''
  let afterwards = ''
  const erasing: Promise<void>[] = []
  /** In the middle of the training, as its first step is told. */
  const eraseAndLook = async (): Promise<void> => {
    running = await examples()
    await erasePair(services, erased.pairId, 'a person')
    await new Promise<void>((resolve) => {
      const stop = catalogue.onChange(() => {
        if (catalogue.erasure(erased.pairId)?.state !== 'done') return
        stop()
        resolve()
      })
    })
    afterwards = await examples()
  }
  const roles = await startRoles(services, ['train', 'erase'], {
    onProgress() {
      if (erasing.length === 0) erasing.push(eraseAndLook())
    },
  })
  onTestFinished(async () => {
    await roles.stop()
    await services.closeServices()
    await platform.close()
  })
  await requestRetraining(services, 'manual', 'test')
  const isAnswered = async () => ((await log.committedOffsets('train', 'retraining.requested')).get(0) ?? 0) > 0
  while (!(await isAnswered())) await new Promise((resolve) => setTimeout(resolve, 20))
  await Promise.all(erasing)
  await catalogue.caughtUp(log)
  expect(catalogue.models()).toMatchObject([{ outcome: 'trained' }])
  expect(running).toContain(erased.pairId)
  expect(afterwards).not.toContain(erased.pairId)
  expect(await readdir(config.trainingFolder)).toEqual([])
})
