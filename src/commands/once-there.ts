import { setTimeout as delay } from 'node:timers/promises'
import { toAppError, type AppError } from '../core/errors.ts'

const FIRST_WAIT = 1_000
const LONGEST_WAIT = 10_000

/**
 * What `attempt` gives, as soon as the servers that it needs are there; `onWaiting` is told what is missing. A stop ends the waiting with
 * that, and `failed` with its own error.
 */
export async function onceThere<T>(
  attempt: () => Promise<T>,
  onWaiting: (error: AppError) => void,
  signal: AbortSignal,
  failed: Promise<never> = new Promise(() => undefined),
): Promise<T> {
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      return await attempt()
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.kind !== 'unavailable' || signal.aborted) throw error
      onWaiting(error)
      const stopped = delay(wait, undefined, { signal }).catch(() => Promise.reject(error))
      await Promise.race([stopped, failed])
    }
  }
}
