import type { Context, ErrorHandler, Hono, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { z } from '@hono/zod-openapi'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import { routePattern } from './route-pattern.ts'
import type { ApiDependencies } from './dependencies.ts'
import type { ApiEnvironment } from './middleware/trace.ts'
import { failureResponse, problemDetails, problemResponse, statusOf } from './problem.ts'

/** What a failed validation says: which field, and what is wrong with it. */
export function invalidRequest(error: { readonly issues: readonly z.core.$ZodIssue[] }): AppError {
  const { path, message: what } = telling(error.issues)
  const field = path.join('.')
  return new AppError('invalid-request', field === '' ? `${what}; see /docs.` : `${field}: ${what}; see /docs.`)
}

/** The issue that helps most: where alternatives failed, that of the one that came nearest. */
function telling(issues: readonly z.core.$ZodIssue[]): {
  readonly path: readonly PropertyKey[]
  readonly message: string
} {
  const [first] = issues
  if (first === undefined) return { path: [], message: 'It does not match the schema' }
  if (first.code !== 'invalid_union' || first.errors.length === 0) return first
  const nearest = first.errors.reduce((best, issues) => (issues.length <= best.length ? issues : best))
  const inner = telling(nearest)
  return { path: [...first.path, ...inner.path], message: inner.message }
}

/** States in which a service may well be; they are told by readiness and need no line a request. */
const expected: ReadonlySet<ErrorCode> = new Set(['no-model', 'not-ready', 'overloaded'])

/** Tells the log of a failure that is not the client's. */
export function tellFailure(
  logger: ApiDependencies['logger'],
  error: AppError,
  request: { readonly traceId: string; readonly requestId: string; readonly route: string | null },
): void {
  const facts = { code: error.code, ...request }
  if (error.kind === 'unavailable') {
    // A dependency that is away is no fault of this program, so where in it that was met tells nothing.
    if (!expected.has(error.code)) logger?.warn({ ...facts, detail: error.message }, 'request not answered')
  } else if (statusOf(error.code) >= 500) {
    logger?.error({ ...facts, err: error.cause ?? error }, 'request failed')
  }
}

/** Every failure as a problem. What is not understood is told to the log, and to the client only by its trace id. */
export function failureHandler(deps: Pick<ApiDependencies, 'logger' | 'progress'>): ErrorHandler<ApiEnvironment> {
  return (thrown, context) => {
    const error = thrown instanceof HTTPException ? ofHttpException(thrown) : toAppError(thrown)
    const traceId = context.get('traceId')
    context.set('problem', error.code)
    tellFailure(deps.logger, error, { traceId, requestId: context.get('requestId'), route: routePattern(context) })
    if (error.code === 'no-model') {
      const { missingPairs } = deps.progress()
      const detail =
        missingPairs > 0 ? `${missingPairs} more pairs start the first training. ${error.message}` : error.message
      return problemResponse(problemDetails('no-model', detail, { missingPairs, traceId }))
    }
    return failureResponse(error, { traceId })
  }
}

/** hono and its validators throw these for malformed bodies and content types. */
function ofHttpException(exception: HTTPException): AppError {
  if (exception.status === 415) {
    return new AppError(
      'media-type-unsupported',
      'Send application/json, or multipart/form-data where pictures are taken.',
    )
  }
  if (exception.status < 500) return new AppError('invalid-request', `${exception.message}; see /docs.`)
  return toAppError(exception)
}

/** 404, or 405 with `Allow` where the address exists for other methods. */
export function nothingHere(app: Hono<ApiEnvironment>): NotFoundHandler<ApiEnvironment> {
  return (context) => {
    const allowed = methodsAt(app, context)
    const traceId = context.get('traceId')
    // Where the method is taken, it is the address that has nothing.
    if (allowed.length === 0 || allowed.includes(context.req.method)) {
      const detail = `Nothing is at ${context.req.path}; /docs lists the addresses.`
      return problemResponse(problemDetails('not-found', detail, { traceId }))
    }
    const allow = allowed.join(', ')
    const detail = `${context.req.path} takes ${allow}, not ${context.req.method}.`
    return problemResponse(problemDetails('method-not-allowed', detail, { traceId }), { allow })
  }
}

function methodsAt(app: Hono<ApiEnvironment>, context: Context): string[] {
  const matches = app.routes.filter(
    ({ method, path }) => method !== 'ALL' && !path.includes('*') && matchesPath(path, context.req.path),
  )
  return [...new Set(matches.map(({ method }) => method))].sort()
}

function matchesPath(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith(':') ? given[i] !== '' : part === given[i]))
  )
}
