import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { openPlatform, type Access } from '../bootstrap.ts'
import { loadConfig, type Config, type Settings } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { createServices, type Services } from '../roles/services.ts'
import { createLogger, type LogLevel } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { CommandContext } from './context.ts'

type ServicesOptions = {
  readonly access: Access
  readonly overrides?: Partial<Record<keyof Settings, string | number | undefined>>
  /** What the environment and the overrides say, where the caller has read them already. */
  readonly config?: Config
  /** Whether the command makes no sense before anything was published; it is then told so, and no folder is made. */
  readonly needsData?: boolean
  /**
   * Given where the process stays: it then logs what it does, where others log only what is wrong, and waits for servers that are not
   * there yet, where others fail; `onWaiting` is told at each attempt.
   */
  readonly stays?: { readonly onWaiting: (error: AppError) => void }
}

/** Whether nobody has published anything into the embedded log yet; what a broker holds is asked of the broker. */
export const isUntouched = ({ drivers: { eventLog } }: Config): boolean =>
  eventLog.kind === 'sqlite' && !existsSync(eventLog.path)

const noData = ({ DATA_DIR }: Config): AppError =>
  new AppError('not-ready', `Nothing was published into ${DATA_DIR} yet; use 'pairstream publish', or set DATA_DIR.`)

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
  if (needsData && isUntouched(config)) throw noData(config)
  const logger = createLogger({ level: stays === undefined ? quieter(config.LOG_LEVEL) : config.LOG_LEVEL })
  const open = () => openPlatform(config, access, (text) => logger.warn(text))
  const platform = stays === undefined ? await open() : await openOnceThere(open, stays.onWaiting, context.signal)
  try {
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

const FIRST_WAIT = 1_000
const LONGEST_WAIT = 10_000

/** Opens as soon as the servers are there; a stop ends the waiting with what it waited for. */
async function openOnceThere<T>(
  open: () => Promise<T>,
  onWaiting: (error: AppError) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      return await open()
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.kind !== 'unavailable') throw error
      onWaiting(error)
      await delay(wait, undefined, { signal }).catch(() => {
        throw error
      })
    }
  }
}

/** Information about ordinary events would tear the output of a command that is over in a moment. */
const quieter = (level: LogLevel): LogLevel => (level === 'info' ? 'warn' : level)
