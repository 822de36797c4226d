import type { Drivers } from '../bootstrap.ts'
import { loadConfig, roles as allRoles, type Config, type Role } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { missingDependencies } from '../roles/dependencies.ts'
import { startFront } from '../roles/front.ts'
import { startRoles } from '../roles/start-roles.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { onceThere } from './once-there.ts'
import { raised, soonAfter } from './stop-signal.ts'
import { withServices } from './with-services.ts'

export type ServeOptions = {
  readonly roles?: readonly Role[] | undefined
  readonly port?: string | undefined
  readonly host?: string | undefined
  readonly json?: boolean
}

/** How long a stop may take in milliseconds, whatever hangs: whoever sent SIGTERM sends SIGKILL soon after ten seconds. */
const LONGEST_STOP = 8_000

/**
 * Runs roles in this process until it is told to stop, or one of them fails. What is not done `LONGEST_STOP` after that is given up, with
 * the process: left running it could still write once its partitions are another's.
 */
export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitName> {
  const busy = new Set<string>()
  const giveUp = (): ExitName => {
    const seconds = LONGEST_STOP / 1_000
    if (busy.size === 0) {
      remark(context, `All is committed; what would not be closed within ${seconds} s is cut off.`)
      return 'ok'
    }
    const names = [...busy].join(', ')
    remark(
      context,
      `Given up after ${seconds} s: ${names} still busy. What is not committed is done again at the next start.`,
    )
    return 'interrupted'
  }
  return soonAfter(context.signal, LONGEST_STOP, run(options, context, busy), giveUp)
}

async function run(options: ServeOptions, context: CommandContext, busy: Set<string>): Promise<ExitName> {
  const { signal } = context
  const chosen = options.roles ?? allRoles
  const config = loadConfig(context.environment, { PORT: options.port, HOST: options.host })
  requireSharedIndex(config, chosen)
  requireSharedBlobs(config, chosen)
  const front = await startFront(config)
  const onWaiting = (error: AppError): void => {
    front.waitsFor(async () => [error.code])
    remark(context, `Waiting: ${error.message}`)
  }
  const onFolding = (drivers: Drivers): void =>
    front.waitsFor(async () => ['catalogue-behind', ...(await missingDependencies(drivers, chosen))])
  const stays = { onWaiting, onFolding }
  try {
    return await withServices<ExitName>(context, { access: 'own', config, stays }, async (services) => {
      const start = () => {
        front.waitsFor(() => missingDependencies(services, chosen))
        return startRoles(services, chosen, {}, front, signal, busy)
      }
      const running = await onceThere(start, onWaiting, signal, services.failed)
      try {
        announce(front.address, chosen, options, context)
        await Promise.race([raised(signal), running.failed, services.failed])
        remark(context, 'Stopping; what is in hand is finished first. A second signal ends at once.')
      } finally {
        await running.stop()
      }
      return 'ok'
    })
  } catch (error) {
    // Told to stop while it waited: nothing was in hand.
    if (signal.aborted && toAppError(error).kind === 'unavailable') return 'ok'
    throw error
  } finally {
    await front.stop()
  }
}

function announce(address: string, roles: readonly Role[], options: ServeOptions, context: CommandContext): void {
  if (options.json === true) printJson(context, { address, roles, pid: process.pid })
  else if (!roles.includes('api')) {
    print(
      context,
      `Running ${roles.join(', ')}; health and metrics at ${address}/health/ready and /metrics, Ctrl-C stops it.`,
    )
  } else print(context, `Pairstream serves ${address}  (API: ${address}/docs, Ctrl-C stops it)`)
}

/** The embedded index is one process' own: roles that share a log but not the index would search what nobody fills. */
function requireSharedIndex({ drivers: { eventLog, index } }: Config, chosen: readonly Role[]): void {
  const using: readonly Role[] = ['api', 'embed', 'release', 'erase']
  const missing = using.filter((role) => !chosen.includes(role))
  if (
    eventLog.kind === 'sqlite' ||
    index.kind !== 'embedded' ||
    missing.length === 0 ||
    missing.length === using.length
  ) {
    return
  }
  const detail = `INDEX_URL: the embedded index belongs to one process; run ${using.join(', ')} here together, or name a Qdrant server.`
  throw new AppError('configuration-invalid', detail)
}

/** What one role stores in a folder of its own, the others would look for in theirs and give up. A folder that is named may be shared. */
function requireSharedBlobs({ drivers: { eventLog, blobs } }: Config, chosen: readonly Role[]): void {
  const isEverythingHere = allRoles.every((role) => chosen.includes(role))
  if (eventLog.kind === 'sqlite' || blobs.kind !== 'files' || !blobs.isDefault || isEverythingHere) return
  const detail =
    'BLOB_URL: pictures would stay in the folder of this process; name a bucket (s3://bucket, or MINIO_BUCKET) or a folder that all roles share, or run all roles here.'
  throw new AppError('configuration-invalid', detail)
}
