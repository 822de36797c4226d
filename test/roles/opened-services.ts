import { onTestFinished } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { createServices, type Services } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

/** The services over an embedded installation of its own, until the test has ended. */
export async function openedServices(settings: Readonly<Record<string, string | number>> = {}): Promise<Services> {
  const config = loadConfig({}, { DATA_DIR: await temporaryFolder(), LOG_LEVEL: 'silent', PORT: 0, ...settings })
  const platform = await openPlatform(config, 'own')
  const services = await createServices(
    platform,
    createLogger({ level: 'silent' }),
    createMetrics({ processMetrics: false }),
  )
  onTestFinished(async () => {
    await services.closeServices()
    await platform.close()
  })
  return services
}
