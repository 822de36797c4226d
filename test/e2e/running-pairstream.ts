import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig, roles, type Settings } from '../../src/config.ts'
import { viewReleases } from '../../src/core/release-chain.ts'
import { createServices, type Services } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

export type RunningPairstream = {
  readonly services: Services
  readonly address: string
  /** Resolves once `met` holds; looked at after every change of the catalogue and now and then. */
  until(met: () => boolean): Promise<void>
  /** The release that serves, once nothing is being built. */
  isServing(modelVersion: string): boolean
  stop(): Promise<void>
}

/** All roles in this process, over a data folder of their own and a free port. */
export async function startPairstream(
  settings: Partial<Record<keyof Settings, string | number>>,
): Promise<RunningPairstream> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const config = loadConfig({}, { DATA_DIR: folder, PORT: 0, LOG_LEVEL: 'error', ...settings })
  const platform = await openPlatform(config, 'own')
  const services = await createServices(
    platform,
    createLogger({ level: config.LOG_LEVEL }),
    createMetrics({ processMetrics: false }),
  )
  const running = await startRoles(services, roles)
  const { catalogue } = services

  return {
    services,
    address: running.address ?? '',
    async until(met) {
      const failed = Promise.race([running.failed, platform.failed])
      // Serving follows the catalogue a moment later, of which nobody is told: hence the second look.
      const reached = new Promise<void>((resolve) => {
        const look = (): void => {
          if (!met()) return
          unsubscribe()
          clearInterval(poll)
          resolve()
        }
        const unsubscribe = catalogue.onChange(look)
        const poll = setInterval(look, 50)
        look()
      })
      await Promise.race([reached, failed])
    },
    isServing(modelVersion) {
      const { build, serving } = viewReleases(catalogue.releases())
      return (
        build === null &&
        serving?.modelVersion === modelVersion &&
        services.serving.current()?.modelVersion === modelVersion
      )
    },
    async stop() {
      await running.stop()
      await services.closeServices()
      await platform.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
