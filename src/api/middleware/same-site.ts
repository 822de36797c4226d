import type { MiddlewareHandler } from 'hono'
import { AppError } from '../../core/errors.ts'

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses changes that a page of another web site, unless its origin is allowed, asks a visitor's browser to make (browsers say so in `sec-fetch-site`; it
 * cannot be forged by a page). Programs send no such header and are not concerned.
 */
export function sameSite(allowed: readonly string[]): MiddlewareHandler {
  return async function sameSite(context, next) {
    const isCrossSite = context.req.header('sec-fetch-site') === 'cross-site'
    const isAllowed = allowed.includes(context.req.header('origin') ?? '')
    if (isCrossSite && !isAllowed && !safeMethods.has(context.req.method)) {
      throw new AppError('cross-site-refused', 'Send the request from a page of this server, or from a program.')
    }
    await next()
  }
}
