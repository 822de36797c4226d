import { AppError } from '../../../core/errors.ts'

/** How the client names itself to the registry, and begins its messages. */
export const CLIENT_NAME = 'pairstream'

/** What the package throws for an answer that is no success. */
type RegistryAnswer = Error & { readonly status: number }

export const isRegistryAnswer = (error: unknown): error is RegistryAnswer =>
  error instanceof Error && 'status' in error && typeof error.status === 'number'

/** Whether asking again may go better; everything else that a registry says is for people to put right. */
const mayPass = (status: number): boolean => status >= 500 || status === 408 || status === 429

export function registryAway(cause: unknown): AppError {
  const detail = 'The schema registry does not answer as one; check SCHEMA_REGISTRY_URL and that it runs.'
  return new AppError('log-unavailable', detail, { cause })
}

const refused = (what: string, reason: string, cause: unknown): AppError =>
  new AppError('configuration-invalid', `The schema registry ${what}: ${reason}`, { cause })

/**
 * What the package threw, in this project's terms, where a person can put it right: what the registry will go on saying is
 * `configuration-invalid`, everything that may pass `log-unavailable`. `what` is what the registry does not do. Total.
 */
export function startFailure(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error
  if (!isRegistryAnswer(error)) return refused(what, error instanceof Error ? error.message : String(error), error)
  if (mayPass(error.status)) return registryAway(error)
  const hint = [401, 403].includes(error.status) ? ' (check SCHEMA_REGISTRY_USERNAME and its password)' : ''
  return refused(what, `${error.message.replace(`${CLIENT_NAME} - `, '')}${hint}`, error)
}

/** The same for who has records in hand that must not be lost: to wait is right, whatever the registry says. */
export function readingFailure(error: unknown, what: string): AppError {
  const failure = startFailure(error, what)
  return failure.kind === 'unavailable' ? failure : new AppError('log-unavailable', failure.message, { cause: error })
}
