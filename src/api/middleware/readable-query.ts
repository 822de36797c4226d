import type { MiddlewareHandler } from 'hono'
import { AppError } from '../../core/errors.ts'

/**
 * Refuses a query whose percent-encoding is broken or is not of UTF-8. The router would take it as it is written, and search for
 * that.
 */
export function readableQuery(): MiddlewareHandler {
  return async function readableQuery(context, next) {
    const { url } = context.req
    const start = url.indexOf('?')
    if (start >= 0) requireReadable(url.slice(start + 1))
    await next()
  }
}

function requireReadable(query: string): void {
  const [fields = ''] = query.split('#')
  for (const field of fields.split('&')) {
    const [name = '', ...value] = field.split('=')
    if (!isReadable(name)) {
      throw new AppError('invalid-request', 'The name of a field in the query is not percent-encoded UTF-8.')
    }
    if (isReadable(value.join('='))) continue
    throw new AppError('invalid-request', `${decodeURIComponent(name)}: The value is not percent-encoded UTF-8.`)
  }
}

function isReadable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
