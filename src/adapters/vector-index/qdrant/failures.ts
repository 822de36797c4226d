import { QdrantClientResourceExhaustedError, QdrantClientTimeoutError } from '@qdrant/js-client-rest'
import { AppError } from '../../../core/errors.ts'

/** What the client library throws for an answer that is an error; it does not export the class. */
type Refusal = Error & { readonly status: number; readonly data: unknown }

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof Error && 'status' in error && typeof error.status === 'number' && 'data' in error

/** The status of an answer that is an error, or null where there was none. */
export const statusOf = (error: unknown): number | null => (isRefusal(error) ? error.status : null)

/** Qdrant's own words: `{"status":{"error":"…"}}`. Null where something else, such as a proxy, has answered. */
export function reasonOf(error: unknown): string | null {
  const data = isRefusal(error) ? error.data : null
  if (typeof data !== 'object' || data === null || !('status' in data)) return null
  const { status } = data
  if (typeof status !== 'object' || status === null || !('error' in status)) return null
  return typeof status.error === 'string' ? status.error.slice(0, 500) : null
}

/** Thrown where a write was taken but not applied in time: the next search may not see it yet. */
export const notApplied = (): AppError =>
  new AppError('index-unavailable', 'Qdrant took the write but has not applied it in time; send it again.')

export const tooSlow = (cause?: unknown): AppError =>
  new AppError('index-unavailable', 'Qdrant has not answered in time.', { cause })

/** Whether the server has too much to do, and the milliseconds that it asks to wait. */
export function overloadOf(error: unknown): { readonly wait: number } | null {
  // The library keeps only the first digit of `Retry-After`: a lower bound.
  if (error instanceof QdrantClientResourceExhaustedError) return { wait: error.retry_after * 1_000 }
  const status = statusOf(error)
  return status === 429 || status === 503 ? { wait: 0 } : null
}

const unavailable = (detail: string, cause: unknown): AppError => new AppError('index-unavailable', detail, { cause })

const causeCode = (error: Error): string =>
  error.cause instanceof Error && 'code' in error.cause && typeof error.cause.code === 'string'
    ? ` (${error.cause.code})`
    : ''

function translatedRefusal(error: Refusal, generation: string | undefined): AppError {
  const { status } = error
  const reason = reasonOf(error)
  const said = reason === null ? `status ${status}` : `status ${status}: ${reason}`
  if (status === 404 && reason !== null && /collection/i.test(reason)) {
    return new AppError('generation-not-found', `The index has no generation ${generation ?? 'of this name'}.`, {
      cause: error,
    })
  }
  if (status === 401 || status === 403) {
    // Not the fault of what was asked: were this `invalid`, a wrong key would send every record to the dead topic.
    return unavailable(`Qdrant refuses access (${said}); give it an API key that may read, write and manage.`, error)
  }
  if (reason !== null && /no space left|disk space/i.test(reason)) {
    return new AppError('storage-full', `Qdrant has no disk space left (${said}).`, { cause: error })
  }
  if (status === 400 && reason !== null && /vector dimension/i.test(reason)) {
    return new AppError('invalid-vector', `Qdrant refuses the vector: ${reason}`, { cause: error })
  }
  if (status === 400 && reason !== null && /not existing vector name/i.test(reason)) {
    return unavailable(
      `Generation ${generation ?? ''} was made without the words of its captions; build another by "pairstream reindex".`,
      error,
    )
  }
  if (status === 400 && reason !== null && /index required/i.test(reason)) {
    return new AppError(
      'filter-invalid',
      `Qdrant is in strict mode and filters only by fields with an index: ${reason}`,
      {
        cause: error,
      },
    )
  }
  if (status === 413) {
    const detail = 'Qdrant refuses a request of this size; raise its service.max_request_size_mb to its default, 32.'
    return new AppError('internal', detail, { cause: error })
  }
  if (status >= 500 || status === 408 || status === 429) {
    return unavailable(`Qdrant cannot answer now (${said}).`, error)
  }
  if (reason === null) {
    return unavailable(`What answers at the address of Qdrant is not Qdrant (${said}); correct the address.`, error)
  }
  return new AppError('internal', `Qdrant refuses a request (${said}).`, { cause: error })
}

/**
 * The failure of a request as a code of the closed table. A server that is away, overloaded, too slow or garbled is
 * `index-unavailable`, so that the runner waits. The library reports a closed port as a `TypeError`, and a body that is not JSON as a
 * `SyntaxError` or, where its type is not JSON either, as a result that is missing.
 */
export function translated(error: unknown, generation?: string): AppError {
  if (error instanceof AppError) return error
  if (isRefusal(error)) return translatedRefusal(error, generation)
  if (error instanceof QdrantClientResourceExhaustedError) return unavailable('Qdrant has too much to do.', error)
  if (error instanceof QdrantClientTimeoutError) return tooSlow(error)
  if (error instanceof TypeError) return unavailable(`Qdrant is not reachable${causeCode(error)}.`, error)
  return unavailable('Qdrant gave an answer that cannot be read; see what listens at its address.', error)
}
