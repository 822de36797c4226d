import type { OpenAPIHono } from '@hono/zod-openapi'
import { Hono } from 'hono'
import { AppError, errorCodes, type ErrorCode } from '../../core/errors.ts'
import { describeAccess } from '../access/described-access.ts'
import { anyone } from '../access/route-permissions.ts'
import { docsPage, docsStyle, type OpenApiDocument } from '../docs-page.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { statusOf } from '../problem.ts'

/** `GET /openapi.json`, generated from the schemas that validate; `/docs`, the same to read; `/problems/{code}`, what each means. */
export function docsRoutes(api: OpenAPIHono<ApiEnvironment>, version: string) {
  // Built at the first request, when all routes are known.
  let document: OpenApiDocument | undefined
  const openApi = (): OpenApiDocument =>
    (document ??= describeAccess(
      api.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Pairstream',
          version,
          description: 'Publish captioned pictures; find them by text, by picture or by caption.',
        },
        servers: [{ url: '/' }],
      }),
    ))

  const routes = new Hono<ApiEnvironment>()
  routes.get('/openapi.json', anyone, (context) => context.json(openApi()))

  // Style beside the page instead of in it, so that the security policy needs no exception; no script at all.
  routes.get('/docs', anyone, (context) => context.html(docsPage(openApi())))
  routes.get('/docs.css', anyone, (context) =>
    context.body(docsStyle, 200, { 'content-type': 'text/css; charset=utf-8' }),
  )

  routes.get('/problems/:code', anyone, (context) => {
    const code = context.req.param('code')
    if (!isErrorCode(code)) throw new AppError('not-found', `There is no problem called ${code}.`)
    return context.json({ code, title: errorCodes[code].title, status: statusOf(code), kind: errorCodes[code].kind })
  })
  return routes
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code)
