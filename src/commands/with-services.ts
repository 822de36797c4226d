import {
  openLogToRead,
  openPlatform,
  type Access,
  type Drivers,
  type Platform,
  type PlatformOptions,
} from '../bootstrap.ts'
import { loadConfig, type Config, type Settings } from '../config.ts'
import type { AppError } from '../core/errors.ts'
import { holdFolder } from '../data-folder.ts'
import type { EventLog } from '../ports/event-log.ts'
import { createServices, type Services } from '../roles/services.ts'
import { createLogger, type LogLevel } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { refusedRecords } from '../telemetry/refused-records.ts'
import type { CommandContext } from './context.ts'
import { onceThere } from './once-there.ts'

type ServicesOptions = {
  /** A process that stays takes the data folder. */
  readonly access: Access
  readonly overrides?: Partial<Record<keyof Settings, string | number | undefined>>
  /** What the environment and the overrides say, where the caller has read them already. */
  readonly config?: Config
  /** Whether the command makes no sense before anything was published; it is then told so, and no log is begun. */
  readonly needsData?: boolean
  /**
   * Given where the process stays: it then logs what it does, where others log only what is wrong, and waits for servers that are not
   * there yet, where others fail; `onWaiting` is told at each attempt, `onFolding` once they are there and the catalogue is folded. A stop
   * ends either.
   */
  readonly stays?: { readonly onWaiting: (error: AppError) => void; readonly onFolding: (drivers: Drivers) => void }
}

/** Runs `body` with the log alone, for which nothing has to be folded. Throws `not-ready` before anything was published. */
export async function withLog<T>(context: CommandContext, body: (log: EventLog) => Promise<T>): Promise<T> {
  const log = await openLogToRead(loadConfig(context.environment))
  try {
    return await body(log)
  } finally {
    await log.close()
  }
}

/** Opens drivers and services, runs `body` with them, and closes them again whatever becomes of it. */
export async function withServices<T>(
  context: CommandContext,
  {
    access,
    overrides = {},
    config = loadConfig(context.environment, overrides),
    needsData = false,
    stays,
  }: ServicesOptions,
  body: (services: Services) => Promise<T>,
): Promise<T> {
  const logger = createLogger({ level: stays === undefined ? quieter(config.LOG_LEVEL) : config.LOG_LEVEL })
  const metrics = createMetrics()
  const onRefused = refusedRecords(logger, metrics)
  const options = { needsData, onWarning: (text: string) => logger.warn(text), onRefused }
  const platform =
    stays === undefined
      ? await openPlatform(config, access, options)
      : await openOnceThere(config, { ...options, onFolding: stays.onFolding }, stays.onWaiting, context.signal)
  try {
    const services = await createServices(platform, logger, metrics)
    try {
      return await body(services)
    } finally {
      await services.closeServices()
    }
  } finally {
    await platform.close()
  }
}

/** As `openPlatform`, once its servers are there. The data folder is held between the attempts too: commands take it where they find it free. */
async function openOnceThere(
  config: Config,
  options: PlatformOptions,
  onWaiting: (error: AppError) => void,
  signal: AbortSignal,
): Promise<Platform> {
  const folder = holdFolder(config)
  try {
    const open = () => openPlatform(config, 'own', { ...options, folder }, signal)
    const platform = await onceThere(open, onWaiting, signal)
    return { ...platform, close: () => platform.close().finally(() => folder.release()) }
  } catch (error) {
    folder.release()
    throw error
  }
}

/** Information about ordinary events would tear the output of a command that is over in a moment. */
const quieter = (level: LogLevel): LogLevel => (level === 'info' ? 'warn' : level)
