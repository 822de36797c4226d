import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'

/** The route that a request has met as the OpenAPI document writes it, without what stands in its place; null where there is none. */
export function routePattern(context: Context): string | null {
  const route = matchedRoutes(context).findLast(({ path }) => !path.endsWith('*'))
  return route?.path.replaceAll(/:([^/{]+)(\{[^}]*\})?/g, '{$1}') ?? null
}
