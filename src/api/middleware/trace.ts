import type { MiddlewareHandler } from 'hono'
import { continueTrace, formatTraceparent } from '../../telemetry/trace-context.ts'
import { withinTrace } from '../../telemetry/traced-log.ts'

type ApiVariables = { traceId: string; requestId: string }
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
