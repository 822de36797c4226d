import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { deleteCookie, setCookie } from 'hono/cookie'
import type { ApiDependencies } from '../dependencies.ts'
import { localPrincipal } from '../access/principal.ts'
import { forAnyone, needs } from '../access/route-permissions.ts'
import { SESSION_COOKIE } from '../access/sessions.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { isoTime, json, problems, TimeSchema } from '../schemas.ts'

const SessionSchema = z
  .object({
    principal: z.string(),
    permissions: z.array(z.string()),
    expiresAt: TimeSchema.nullable().openapi({ description: 'Null where nobody is asked who they are.' }),
  })
  .openapi('Session')

const tags = ['Access']

const openRoute = createRoute({
  ...needs('pairs:read'),
  method: 'post',
  path: '/v1/session',
  tags,
  summary: 'Exchange a token or key for a cookie, with which a browser can show pictures',
  description: 'The cookie only reads, lasts an hour at most, and ends with the token or key.',
  responses: { 200: json(SessionSchema, 'The cookie is set'), ...problems },
})

const closeRoute = createRoute({
  ...forAnyone,
  method: 'delete',
  path: '/v1/session',
  tags,
  summary: 'Forget the cookie',
  responses: { 204: { description: 'It is gone' }, ...problems },
})

/** Where the cookie is sent: to the API, not with the page. */
const PATH = '/v1/'

/** `POST` and `DELETE /v1/session`. */
export function sessionRoutes({ access }: Pick<ApiDependencies, 'access'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(openRoute, async (context) => {
    const principal = context.get('principal') ?? localPrincipal
    const { id, proof } = principal
    const session = proof === null ? null : await access.sessions.open({ ...principal, proof })
    if (session !== null) {
      setCookie(context, SESSION_COOKIE, session.text, {
        path: PATH,
        httpOnly: true,
        sameSite: 'Strict',
        secure: context.get('client').isSecure,
        expires: new Date(session.expiresAt),
      })
    }
    const expiresAt = session === null ? null : isoTime(session.expiresAt)
    return context.json({ principal: id, permissions: [...principal.permissions], expiresAt }, 200)
  })

  routes.openapi(closeRoute, (context) => {
    deleteCookie(context, SESSION_COOKIE, { path: PATH })
    return context.body(null, 204)
  })
  return routes
}
