import type { MiddlewareHandler } from 'hono'
import type { RequestMetrics } from '../dependencies.ts'
import { routePattern } from '../route-pattern.ts'

/** Reports every request by the pattern of its route; addresses that match none share the label `unmatched`. */
export function observe(metrics: RequestMetrics | undefined): MiddlewareHandler {
  return async function observe(context, next) {
    const startedAt = performance.now()
    await next()
    metrics?.requested({
      method: context.req.method,
      route: routePattern(context) ?? 'unmatched',
      status: context.res.status,
      seconds: (performance.now() - startedAt) / 1_000,
    })
  }
}
