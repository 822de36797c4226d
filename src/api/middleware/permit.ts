import type { MiddlewareHandler } from 'hono'
import { AppError } from '../../core/errors.ts'
import { permissions } from '../../core/permissions.ts'
import type { NeedsOf } from '../access/route-permissions.ts'
import type { Audited } from '../dependencies.ts'
import type { ApiEnvironment } from './trace.ts'

/**
 * Refuses who may not: 403 naming the permission that is missing. `onForbidden` is told of who was refused something that is audited; nothing
 * waits for it, as nothing has changed. It stands behind the limits of a caller, who could else fill the audit log with refusals.
 */
export function permit(
  needsOf: NeedsOf,
  onForbidden: (refusal: Audited) => void = () => undefined,
): MiddlewareHandler<ApiEnvironment> {
  return async function permit(context, next) {
    const principal = context.get('principal')
    if (principal === undefined) return next()
    const missing = needsOf(context).find(({ permission }) => !principal.permissions.has(permission))?.permission
    if (missing === undefined) return next()
    const [object, count, traceId] = [null, 1, context.get('traceId')]
    const refusal = { principal, action: missing, object, count, outcome: 'forbidden', traceId }
    if (permissions[missing].audited !== 'no') onForbidden(refusal)
    throw new AppError('forbidden', `It needs the permission ${missing}: to ${permissions[missing].what}.`)
  }
}
