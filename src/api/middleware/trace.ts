import type { MiddlewareHandler } from 'hono'
import type { ErrorCode } from '../../core/errors.ts'
import { continueTrace, formatTraceparent } from '../../telemetry/trace-context.ts'
import { withinTrace } from '../../telemetry/traced-log.ts'
import type { Principal } from '../access/principal.ts'
import type { Client } from '../limits/client-address.ts'

type ApiVariables = {
  traceId: string
  requestId: string
  client: Client
  /** Who calls; unset where everybody may. */
  principal: Principal | undefined
  /** Why the request failed, where it did. */
  problem: ErrorCode | undefined
  /** How many things a change was about, where that is not one. */
  auditedCount: number | undefined
}
export type ApiEnvironment = { Variables: ApiVariables }

/** Continues the caller's trace or starts one; the answer and what is appended meanwhile carry `traceparent`, problems the trace id. */
export function trace(): MiddlewareHandler<ApiEnvironment> {
  return async function trace(context, next) {
    const span = continueTrace(context.req.header('traceparent'))
    context.set('traceId', span.traceId)
    await withinTrace(span, next)
    context.res.headers.set('traceparent', formatTraceparent(span))
  }
}
