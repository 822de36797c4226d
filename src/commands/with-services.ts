import { existsSync } from 'node:fs'
import { openPlatform, type Access } from '../bootstrap.ts'
import { loadConfig, type Config, type Settings } from '../config.ts'
import { AppError } from '../core/errors.ts'
import { createServices, type Services } from '../roles/services.ts'
import { createLogger, type LogLevel } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { CommandContext } from './context.ts'

export type ServicesOptions = {
  readonly access: Access
  readonly overrides?: Partial<Record<keyof Settings, string | number | undefined>>
  /** Whether the command makes no sense before anything was published; it is then told so, and no folder is made. */
  readonly needsData?: boolean
  /** Whether the process stays: it then logs what it does, where others log only what is wrong. */
  readonly stays?: boolean
}

const noData = ({ DATA_DIR }: Config): AppError =>
  new AppError('not-ready', `Nothing was published into ${DATA_DIR} yet; use 'pairstream publish', or set DATA_DIR.`)

/** Opens drivers and services, runs `body` with them, and closes them again whatever becomes of it. */
export async function withServices<T>(
  context: CommandContext,
  { access, overrides = {}, needsData = false, stays = false }: ServicesOptions,
  body: (services: Services) => Promise<T>,
): Promise<T> {
  const config = loadConfig(context.environment, overrides)
  if (needsData && !existsSync(config.logPath)) throw noData(config)
  const platform = await openPlatform(config, access)
  try {
    const logger = createLogger({ level: stays ? config.LOG_LEVEL : quieter(config.LOG_LEVEL) })
    const services = await createServices(platform, logger, createMetrics())
    try {
      return await body(services)
    } finally {
      await services.closeServices()
    }
  } finally {
    await platform.close()
  }
}

/** Information about ordinary events would tear the output of a command that is over in a moment. */
const quieter = (level: LogLevel): LogLevel => (level === 'info' ? 'warn' : level)
