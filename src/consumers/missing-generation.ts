import { AppError, toAppError } from '../core/errors.ts'

/**
 * For whoever has a record in hand and finds that the index does not have the generation: it was retired and dropped, which this process
 * is about to hear of, or it was lost, which is for a person to mend. The record is not to blame, so it waits with `not-ready`.
 */
export function waitForGeneration(thrown: unknown): never {
  const { code, message } = toAppError(thrown)
  if (code !== 'generation-not-found') throw thrown
  throw new AppError('not-ready', message, { cause: thrown })
}

/** A generation may be dropped while it is looked at, and has no points left to remove then. */
export function ignoreDropped(error: unknown): undefined {
  if (toAppError(error).code !== 'generation-not-found') throw error
}
