import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { createServices } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

it('tells of a wrong BACKBONE_DIR when training starts, tries again when asked, and can be closed', async () => {
  const folder = await temporaryFolder()
  const wrong = join(folder, 'nowhere')
  const config = loadConfig({}, { DATA_DIR: join(folder, 'data'), BACKBONE_DIR: wrong, LOG_LEVEL: 'error' })
  const platform = await openPlatform(config, 'own')
  const open = () =>
    createServices(platform, createLogger({ level: 'error' }), createMetrics({ processMetrics: false }))
  const services = await open()
  await expect(startRoles(services, ['train'])).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringContaining(`BACKBONE_DIR=${wrong}`) as string,
  })
  await writeBuiltInBackbone(wrong)
  await expect(services.backbone()).resolves.toMatchObject({ featureWidth: expect.any(Number) as number })
  await services.closeServices()

  const unlucky = await open()
  await rm(wrong, { recursive: true })
  const opening = unlucky.backbone()
  const refused = expect(opening).rejects.toMatchObject({ code: 'model-invalid' })
  await expect(unlucky.closeServices()).resolves.toBeUndefined()
  await refused
  await platform.close()
})
