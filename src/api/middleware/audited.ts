import type { Context, MiddlewareHandler } from 'hono'
import { withDeadline } from '../../core/deadline.ts'
import { AppError } from '../../core/errors.ts'
import { permissions } from '../../core/permissions.ts'
import type { NeedsOf } from '../access/route-permissions.ts'
import type { ApiDependencies, AuditTrail } from '../dependencies.ts'
import type { ApiEnvironment } from './trace.ts'

/** How long a change waits for its announcement to be written, in milliseconds; nobody waits longer for a refusal. */
const PATIENCE = 3_000
/** What a path names is kept as far as this. */
const LONGEST_OBJECT = 200

/**
 * Writes down who did what, and what became of it. A change that is few and far between is announced before, and refused where that cannot
 * be written; the answer to any other waits until it is written down.
 */
export function audited(
  audit: Pick<AuditTrail, 'record'>,
  needsOf: NeedsOf,
  logger: ApiDependencies['logger'],
): MiddlewareHandler<ApiEnvironment> {
  return async function audited(context, next) {
    const principal = context.get('principal')
    const need = needsOf(context).find(({ permission }) => permissions[permission].audited !== 'no')
    if (principal === undefined || need === undefined) return next()
    const { permission: action, path } = need
    const about = { principal, action, object: idIn(path, context), traceId: context.get('traceId') }
    const isChange = permissions[action].audited === 'change'
    if (isChange) {
      const announced = audit.record({ ...about, count: 1, outcome: 'asked' })
      const late = () =>
        new AppError('log-unavailable', 'The audit log does not take what is asked for; nothing was done.')
      await withDeadline(announced, PATIENCE, late)
    }
    await next()
    // An answer that was late says nothing of the work, which went on: what failed in it would be said here instead.
    const problem = context.get('problem')
    const outcome = problem === undefined || problem === 'request-timeout' ? 'ok' : problem
    const written = audit.record({ ...about, count: context.get('auditedCount') ?? 1, outcome })
    // What was done is done, and what was not needs nobody's wait; neither answer would be truer for this.
    if (isChange || outcome !== 'ok') {
      const tell = (error: unknown) =>
        logger?.error({ err: error, action, outcome }, 'an outcome is not in the audit log')
      void written.catch(tell)
    } else await written
    return undefined
  }
}

/** What stands in the path where the pattern has `:id`. */
function idIn(pattern: string, { req: { path } }: Context): string | null {
  const at = pattern.split('/').findIndex((part) => part === ':id')
  const id = at < 0 ? undefined : path.split('/')[at]
  return id?.slice(0, LONGEST_OBJECT) ?? null
}
