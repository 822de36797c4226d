import { roles as allRoles, type Role } from '../config.ts'
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
export function serve(options: ServeOptions, context: CommandContext): Promise<ExitName> {
  const { signal } = context
  const overrides = { PORT: options.port, HOST: options.host }
  return withServices<ExitName>(context, { access: 'own', overrides, stays: true }, async (services) => {
    const chosen = options.roles ?? allRoles
    const running = await startRoles(services, chosen)
    try {
      announce(running.address, chosen, options, context)
      await Promise.race([raised(signal), running.failed, services.failed])
      remark(context, 'Stopping; what is in hand is finished first. A second signal ends at once.')
    } finally {
      await running.stop()
    }
    return 'ok'
  })
}

function announce(
  address: string | null,
  roles: readonly Role[],
  options: ServeOptions,
  context: CommandContext,
): void {
  if (options.json === true) printJson(context, { address, roles, pid: process.pid })
  else if (address === null) print(context, `Running ${roles.join(', ')}; Ctrl-C stops it.`)
  else print(context, `Pairstream serves ${address}  (API: ${address}/docs, Ctrl-C stops it)`)
}
