import type { MiddlewareHandler } from 'hono'
import { createClientFinder } from '../limits/client-address.ts'
import type { ApiEnvironment } from './trace.ts'

/** What the HTTP server gives along with a request; a request that came over no socket has none. */
type Connection = { readonly incoming?: { readonly socket: { readonly remoteAddress?: string } } } | undefined

/** Notes where the request comes from. */
export function findClient(trustedProxies: readonly string[]): MiddlewareHandler<ApiEnvironment> {
  const clientOf = createClientFinder(trustedProxies)
  return async function findClient(context, next) {
    const remote = (context.env as Connection)?.incoming?.socket.remoteAddress
    context.set('client', clientOf({ remote, header: (name) => context.req.header(name) }))
    await next()
  }
}
