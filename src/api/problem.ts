import { AppError, errorCodes, type ErrorCode } from '../core/errors.ts'

const statuses = {
  'invalid-request': 400,
  'payload-too-large': 413,
  'method-not-allowed': 405,
  'media-type-unsupported': 415,
  'cross-site-refused': 403,
  unauthenticated: 401,
  forbidden: 403,
  'rate-limited': 429,
  'not-found': 404,
  'pair-not-found': 404,
  'image-not-found': 404,

  'caption-empty': 422,
  'caption-too-long': 422,
  'text-not-utf8': 422,
  'image-unreadable': 422,
  'image-type-refused': 415,
  'image-too-large': 422,
  'image-too-many-bytes': 413,
  'image-timeout': 422,
  'split-unknown': 422,
  'metadata-invalid': 422,

  'pair-erased': 410,
  'wrong-id': 422,
  'wrong-partition': 422,
  'record-unreadable': 422,
  'blob-missing': 404,
  'blob-corrupt': 500,

  'source-not-found': 404,
  'source-refused': 422,
  'source-unavailable': 503,
  'source-unrecognised': 422,
  'source-entry-unsafe': 422,
  'source-entry-invalid': 422,

  'no-model': 503,
  'model-not-found': 404,
  'model-invalid': 422,
  'model-corrupt': 500,
  'model-unsafe': 422,
  'hub-refused': 502,
  'hub-unavailable': 503,
  'release-refused': 409,
  'invalid-vector': 422,
  'generation-not-found': 500,
  'filter-invalid': 422,
  'snapshot-incomplete': 409,
  'training-failed': 500,

  'publish-unconfirmed': 503,
  'log-unavailable': 503,
  'index-unavailable': 503,
  'blob-store-unavailable': 503,
  'tracking-unavailable': 503,
  'storage-full': 507,
  'not-ready': 503,
  'issuer-unavailable': 503,
  overloaded: 503,
  'request-timeout': 503,

  'key-not-found': 404,
  'audit-broken': 500,

  'data-folder-locked': 409,
  'group-running': 409,
  'partition-count-changed': 500,
  'configuration-invalid': 500,
  'port-in-use': 500,
  'unsupported-lowering': 500,
  internal: 500,
} as const satisfies Record<ErrorCode, number> // a code without a status does not compile

/** RFC 9457 problem details; `code` is stable, `traceId` finds the request in the log. */
type ProblemDetails = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly [extension: string]: unknown
}

export const statusOf = (code: ErrorCode): number => statuses[code]

/** How long a client should wait before it tries again what was unavailable. */
const RETRY_AFTER_SECONDS = 5

export function problemDetails(
  code: ErrorCode,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): ProblemDetails {
  return {
    ...extensions,
    type: `/problems/${code}`,
    title: errorCodes[code].title,
    status: statuses[code],
    detail,
    code,
  }
}

/** The problem as a response; what is unavailable says when to try again. */
export function problemResponse(details: ProblemDetails, headers: Readonly<Record<string, string>> = {}): Response {
  const response = new Response(JSON.stringify(details), { status: details.status, headers: { ...headers } })
  response.headers.set('content-type', 'application/problem+json')
  if (errorCodes[details.code].kind === 'unavailable' && !response.headers.has('retry-after'))
    response.headers.set('retry-after', String(RETRY_AFTER_SECONDS))
  return response
}

/** A failure as a response: who is not known is told how to become so (RFC 9110, RFC 6750). */
export function failureResponse(error: AppError, extensions: Readonly<Record<string, unknown>> = {}): Response {
  const details = problemDetails(error.code, publicDetail(error), extensions)
  return problemResponse(details, error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {})
}

/**
 * What may be told of a failure. A server-side fault keeps its code but not its words, which may hold paths and library
 * messages: those go to the log alone.
 */
export function publicDetail(error: AppError): string {
  return statuses[error.code] === 500
    ? 'Something failed on this side; the log of the server says what, under the trace id.'
    : error.message
}
