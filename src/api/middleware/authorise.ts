import type { Context, MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import { isLoopback } from '../../access-settings.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import type { Access, Credential } from '../access/access.ts'
import type { Principal } from '../access/principal.ts'
import type { NeedsOf } from '../access/route-permissions.ts'
import { SESSION_COOKIE } from '../access/sessions.ts'
import type { TokenBuckets } from '../limits/token-buckets.ts'
import { isRead, tooManyRequests } from './rate-limit.ts'
import type { ApiEnvironment } from './trace.ts'

type AuthoriseDependencies = {
  readonly access: Access
  readonly needsOf: NeedsOf
  /** Wrong credentials by address; null counts none. */
  readonly failures: TokenBuckets | null
}

/**
 * Finds out who calls: 401 without a credential that is right. What answers everybody is passed on unasked.
 */
export function authorise({ access, needsOf, failures }: AuthoriseDependencies): MiddlewareHandler<ApiEnvironment> {
  return async function authorise(context, next) {
    const needed = needsOf(context)
    if (needed.length === 0) return next()
    const credential = credentialOf(context)
    const { address } = context.get('client')
    const left = credential === null ? undefined : failures?.take(address, 0)
    if (left !== undefined && failures !== null && !left.isAllowed && (await access.required()))
      return tooManyRequests(context, 'failures', failures, left)
    let principal: Principal
    try {
      principal = await access.authenticate(credential)
    } catch (error) {
      if (credential !== null && toAppError(error).code === 'unauthenticated') failures?.take(address)
      throw error
    }
    requireOwnName(context, principal)
    if (credential?.type === 'session' && !isRead(context)) {
      throw new AppError('unauthenticated', 'A session only reads; send the token or key itself.')
    }
    context.set('principal', principal)
    await next()
    // What somebody may see must not be shown to the next by what keeps copies on the way.
    if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store')
    return undefined
  }
}

/** What is shown by a header goes before what a browser sends by itself. */
function credentialOf(context: Context): Credential | null {
  const authorization = context.req.header('authorization')
  if (authorization !== undefined) {
    const text = /^bearer +([^\s]+) *$/i.exec(authorization)?.[1]
    if (text === undefined) throw new AppError('unauthenticated', 'Send it as `Authorization: Bearer …`.')
    return { type: 'bearer', text }
  }
  const key = context.req.header('x-api-key')
  if (key !== undefined) return { type: 'key', text: key }
  const session = getCookie(context, SESSION_COOKIE)
  return session === undefined ? null : { type: 'session', text: session }
}

/** Where nobody is asked who they are, a page elsewhere could give its own name the address of this machine and pass for a page of it. */
function requireOwnName({ req }: Context, { proof }: Principal): void {
  const { hostname } = new URL(req.url)
  if (proof !== null || isLoopback(hostname)) return
  const detail =
    'Without credentials the server answers under names of this machine alone, such as 127.0.0.1 or localhost.'
  throw new AppError('forbidden', detail)
}
