import type { OpenApiDocument } from '../docs-page.ts'
import { ProblemReference } from '../schemas.ts'
import { permissionIn } from './route-permissions.ts'

const schemes = {
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token of the issuer that is configured; an API key is taken here too.',
  },
  key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key of `pairstream keys create`.' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'pairstream_session',
    description: 'The cookie of `POST /v1/session`; it only reads.',
  },
} as const

const header = (description: string) => ({ description, schema: { type: 'string' } })

const limits = {
  'RateLimit-Policy': header('Requests (`q`) in so many seconds (`w`).'),
  RateLimit: header('Requests that are left (`r`), and the seconds until all are there again (`t`).'),
}

const refusals = {
  401: { description: 'Nobody is known by what was sent', headers: { 'WWW-Authenticate': header('`Bearer`.') } },
  403: { description: 'The caller lacks the permission' },
  429: { description: 'Too many requests', headers: { ...limits, 'Retry-After': header('Seconds.') } },
} as const

/** The document with what each operation asks of its callers: the credentials that are taken, and how the others are refused. */
export function describeAccess(document: OpenApiDocument): OpenApiDocument {
  const content = { 'application/problem+json': { schema: ProblemReference } }
  const problems = Object.fromEntries(Object.entries(refusals).map(([status, one]) => [status, { ...one, content }]))
  const describe = (method: string, operation: { readonly responses?: object }): object => {
    const permission = permissionIn(operation)
    if (permission === null) return { ...operation, security: [] }
    const taken = Object.keys(schemes).filter((name) => name !== 'session' || method === 'get')
    const security = taken.map((name) => ({ [name]: [permission] }))
    return { ...operation, security, responses: { ...operation.responses, ...problems } }
  }
  const paths = Object.entries(document.paths ?? {}).map(([path, methods]): [string, object] => [
    path,
    Object.fromEntries(
      Object.entries(methods as Record<string, object>).map(([method, operation]) => [
        method,
        describe(method, operation),
      ]),
    ),
  ])
  return {
    ...document,
    paths: Object.fromEntries(paths) as OpenApiDocument['paths'],
    components: { ...document.components, securitySchemes: schemes },
  }
}
