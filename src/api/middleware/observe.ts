import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { RequestMetrics } from '../dependencies.ts'

/** Reports every request by the pattern of its route; addresses that match none share the label `unmatched`. */
export function observe(metrics: RequestMetrics | undefined): MiddlewareHandler {
  return async function observe(context, next) {
    const startedAt = performance.now()
    await next()
    const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))
    metrics?.requested({
      method: context.req.method,
      route: route?.path.replaceAll(/:([^/{]+)(\{[^}]*\})?/g, '{$1}') ?? 'unmatched',
      status: context.res.status,
      seconds: (performance.now() - startedAt) / 1_000,
    })
  }
}
