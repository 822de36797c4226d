import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { AppError } from '../../core/errors.ts'
import type { Permission } from '../../core/permissions.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'

const EXTENSION = 'x-permission'

/** Says in the definition of a route what its callers need; it is enforced, and shown in the OpenAPI document. */
export const needs = (permission: Permission) => ({ [EXTENSION]: permission })

/** Says in the definition of a route that it answers everybody. */
export const forAnyone = { [EXTENSION]: null }

/** The same for a route that has no place in the document: named before its handler. */
export const anyone: MiddlewareHandler = async (_, next) => next()

/** What an operation of the OpenAPI document needs; null where it answers everybody. */
export const permissionIn = (operation: object): Permission | null =>
  (operation as Partial<Record<typeof EXTENSION, Permission | null>>)[EXTENSION] ?? null

/** What a route that a request has met needs; `path` is its pattern. */
type Need = { readonly permission: Permission; readonly path: string }

/** Empty where everybody is answered, and for an address that there is not. */
export type NeedsOf = (context: Context<ApiEnvironment>) => readonly Need[]

/** Reads what every route of the app needs. Throws `internal` for one that does not say, so that none is open by oversight. */
export function routePermissions(app: OpenAPIHono<ApiEnvironment>): NeedsOf {
  const needed = new Map<string, Permission | null>()
  const nameOf = (method: string, path: string): string => `${method.toUpperCase()} ${path}`
  for (const definition of app.openAPIRegistry.definitions) {
    if (definition.type !== 'route' || !Object.hasOwn(definition.route, EXTENSION)) continue
    const { method, path } = definition.route
    needed.set(nameOf(method, path.replaceAll(/\{([^}]+)\}/g, ':$1')), permissionIn(definition.route))
  }
  for (const { method, path, handler } of app.routes) if (handler === anyone) needed.set(nameOf(method, path), null)
  for (const { method, path } of app.routes) {
    if (method === 'ALL' || needed.has(nameOf(method, path))) continue
    throw new AppError('internal', `${method} ${path} does not say what its callers need; see needs and anyone.`)
  }
  return (context) =>
    matchedRoutes(context).flatMap(({ method, path }) => {
      const permission = needed.get(nameOf(method, path)) ?? null
      return permission === null ? [] : [{ permission, path }]
    })
}
