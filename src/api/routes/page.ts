import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import { anyone } from '../access/route-permissions.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  map: 'application/json',
  svg: 'image/svg+xml',
}

/** The page is one flat folder: a name has no slash and does not begin with a dot, so nothing outside can be named. */
const FILE_NAME = /^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(html|css|js|map|svg)$/

/** The built search page at `/`, its files beside it. */
export function pageRoutes(folder: string) {
  const routes = new Hono<ApiEnvironment>()
  routes.get('/', anyone, (context) => sendFile('index.html', context.req.header('if-none-match')))
  routes.get('/:file{[^/]+\\.[a-z]+}', anyone, (context) =>
    sendFile(context.req.param('file'), context.req.header('if-none-match')),
  )

  const sendFile = async (name: string, known: string | undefined): Promise<Response> => {
    const extension = FILE_NAME.exec(name)?.[1]
    const bytes = extension === undefined ? null : await readFile(join(folder, name)).catch(() => null)
    if (extension === undefined || bytes === null) {
      throw new AppError('not-found', `The page has no file ${name}.`)
    }
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    const headers = {
      etag,
      'cache-control': 'no-cache',
      'content-type': contentTypes[extension] ?? 'application/octet-stream',
    }
    if (known === etag) return new Response(null, { status: 304, headers })
    return new Response(new Uint8Array(bytes), { headers })
  }
  return routes
}
