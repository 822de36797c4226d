import type { Catalogue } from '../catalogue/catalogue.ts'
import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import type { EventLog } from '../ports/event-log.ts'

/** How long an answer waits for the log, or for the catalogue to see what was published just before, in milliseconds. */
const PATIENCE = 1_000

/** Reads from the catalogue; where it finds nothing yet, reads again once the log is folded, or after a second. */
export async function readSettled<T>(catalogue: Catalogue, log: EventLog, read: () => T | null): Promise<T | null> {
  const found = read()
  if (found !== null) return found
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE)))
  await Promise.race([catalogue.caughtUp(log).catch(() => undefined), patience])
  clearTimeout(timer)
  return read()
}

/** What the log says, or `otherwise` where it is away or says nothing for a second: for answers that are worth having without it. */
export async function ifLogAnswers<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await withDeadline(asked, PATIENCE, () => new AppError('log-unavailable', 'It does not answer.'))
  } catch (error) {
    if (toAppError(error).kind === 'unavailable') return otherwise
    throw error
  }
}
