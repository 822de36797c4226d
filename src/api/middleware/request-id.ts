import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnvironment } from './trace.ts'

/** What can be written into a log and a header as it is. */
const WELL_FORMED = /^[\w=-]{1,128}$/

/** Names each request by the caller's `x-request-id`, or by an id of its own where that is missing or malformed; every answer carries it. */
export function requestId(): MiddlewareHandler<ApiEnvironment> {
  return async function requestId(context, next) {
    const given = context.req.header('x-request-id') ?? ''
    const id = WELL_FORMED.test(given) ? given : randomUUID()
    context.set('requestId', id)
    await next()
    // After the answer is made: a problem is a response of its own.
    context.res.headers.set('x-request-id', id)
  }
}
