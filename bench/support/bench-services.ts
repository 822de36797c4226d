import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig, type Settings } from '../../src/config.ts'
import { createServices, type Services } from '../../src/roles/services.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

export type BenchServices = { readonly services: Services; close(): Promise<void> }

/** Opens drivers and services over a data folder, whatever the environment says of others. */
export async function openBenchServices(
  folder: string,
  settings: Partial<Record<keyof Settings, string | number | undefined>>,
): Promise<BenchServices> {
  const config = loadConfig({}, { LOG_LEVEL: 'warn', PORT: 0, ...settings, DATA_DIR: folder })
  const platform = await openPlatform(config, 'own')
  const services = await createServices(platform, createLogger({ level: config.LOG_LEVEL }), createMetrics())
  return {
    services,
    async close() {
      await services.closeServices()
      await platform.close()
    },
  }
}

/** Runs `body` with a new empty folder, which is removed afterwards. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-bench-'))
  try {
    return await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Copies a data folder that nobody works on, so that what is measured on the copy leaves it as it was. */
export async function copyDataFolder(from: string, to: string): Promise<void> {
  const lock = lockFolder(join(from, 'lock.db'))
  try {
    await cp(from, to, { recursive: true, filter: (path) => !basename(path).startsWith('lock.db') })
  } finally {
    lock.release()
  }
}
