import { loadConfig, roles as allRoles, type Config, type Role } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { startFront } from '../roles/front.ts'
import { startRoles } from '../roles/start-roles.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { raised } from './stop-signal.ts'
import { withServices } from './with-services.ts'

export type ServeOptions = {
  readonly roles?: readonly Role[] | undefined
  readonly port?: string | undefined
  readonly host?: string | undefined
  readonly json?: boolean
}

/** Runs roles in this process until it is told to stop, or one of them fails. */
export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitName> {
  const { signal } = context
  const chosen = options.roles ?? allRoles
  const config = loadConfig(context.environment, { PORT: options.port, HOST: options.host })
  requireSharedIndex(config, chosen)
  const front = await startFront(config)
  const onWaiting = (error: AppError): void => {
    front.waiting(error)
    remark(context, `Waiting: ${error.message}`)
  }
  try {
    return await withServices<ExitName>(context, { access: 'own', config, stays: { onWaiting } }, async (services) => {
      const running = await startRoles(services, chosen, {}, front)
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
