import type { Context, MiddlewareHandler } from 'hono'
import type { Access } from '../access/access.ts'
import type { NeedsOf } from '../access/route-permissions.ts'
import type { Taken, TokenBuckets } from '../limits/token-buckets.ts'
import { createTokenBuckets } from '../limits/token-buckets.ts'
import { problemDetails, problemResponse } from '../problem.ts'
import type { ApiEnvironment } from './trace.ts'

export const isRead = ({ req: { method } }: Context): boolean => method === 'GET' || method === 'HEAD'

/** Requests a minute; 0 is any number. */
export type RateLimitSettings = Readonly<Record<'reads' | 'changes' | 'address' | 'failures', number>>

type RateLimits = Readonly<Record<keyof RateLimitSettings, TokenBuckets | null>>

export function createRateLimits(settings: RateLimitSettings, clock: () => number): RateLimits {
  const limit = (perMinute: number) => (perMinute === 0 ? null : createTokenBuckets(perMinute, clock))
  const { reads, changes, address, failures } = settings
  return { reads: limit(reads), changes: limit(changes), address: limit(address), failures: limit(failures) }
}

/** Bounds what comes from one address, before anybody is asked who they are. Nothing is bounded where nobody is. */
export function limitAddress({ address: limit }: RateLimits, access: Access): MiddlewareHandler<ApiEnvironment> {
  return async function limitAddress(context, next) {
    if (limit === null || !(await access.required())) return next()
    const taken = limit.take(context.get('client').address)
    return taken.isAllowed ? next() : tooManyRequests(context, 'address', limit, taken)
  }
}

/** Bounds what one caller sends, and tells how much is left. */
export function limitPrincipal({ reads, changes }: RateLimits, needsOf: NeedsOf): MiddlewareHandler<ApiEnvironment> {
  return async function limitPrincipal(context, next) {
    const principal = context.get('principal')
    // A search by a picture is sent as a POST.
    const onlyReads = isRead(context) || needsOf(context).every(({ permission }) => permission === 'search')
    const [name, limit] = onlyReads ? (['reads', reads] as const) : (['changes', changes] as const)
    if (limit === null || principal === undefined || principal.proof === null) return next()
    const taken = limit.take(principal.id)
    if (!taken.isAllowed) return tooManyRequests(context, name, limit, taken)
    await next()
    for (const [header, value] of Object.entries(headersOf(name, limit, taken))) context.res.headers.set(header, value)
    return undefined
  }
}

/** 429, with when to come again. */
export function tooManyRequests(
  context: Context<ApiEnvironment>,
  name: string,
  limit: TokenBuckets,
  taken: Taken,
): Response {
  const what = name === 'failures' ? 'wrong credentials from this address' : `requests (${name})`
  const detail = `More than ${limit.perMinute} ${what} in a minute; go on in ${taken.nextIn} s.`
  const headers = { ...headersOf(name, limit, taken), 'retry-after': String(taken.nextIn) }
  return problemResponse(problemDetails('rate-limited', detail, { traceId: context.get('traceId') }), headers)
}

/** As the IETF's draft-ietf-httpapi-ratelimit-headers-10 has them. */
const headersOf = (name: string, { perMinute }: TokenBuckets, { remaining, fullIn }: Taken) => ({
  'ratelimit-policy': `"${name}";q=${perMinute};w=60`,
  ratelimit: `"${name}";r=${remaining};t=${fullIn}`,
})
