import { withDeadline } from '../../core/deadline.ts'
import { AppError } from '../../core/errors.ts'

/** How long a request waits for its turn, in milliseconds. */
const LONGEST_WAIT = 5_000
/** How many may wait, for each that is in work. */
const WAITING = 4

const overloaded = (): AppError =>
  new AppError('overloaded', 'More requests came than are taken at once (MAX_REQUESTS); send it again in a moment.')

export interface Admission {
  /** Runs `work` once fewer than `atOnce` are running, in the order of the calls. Throws `overloaded` where too many wait, or for too long. */
  run<T>(work: () => Promise<T>): Promise<T>
}

/**
 * Bounds how much is in work and how much waits, so that a load that is too high is refused rather than kept in memory. `longestWait` is in
 * milliseconds.
 */
export function createAdmission(atOnce: number, longestWait = LONGEST_WAIT): Admission {
  const waiting = new Set<() => void>()
  let running = 0

  const turn = async (): Promise<void> => {
    if (running < atOnce) {
      running++
      return
    }
    if (waiting.size >= atOnce * WAITING) throw overloaded()
    let goOn: () => void = () => undefined
    const called = new Promise<void>((resolve) => (goOn = resolve))
    waiting.add(goOn)
    try {
      await withDeadline(called, longestWait, overloaded)
    } catch (error) {
      // Called at the very moment at which it gave up: the place is passed on.
      if (!waiting.delete(goOn)) leave()
      throw error
    }
  }

  /** The place goes to whoever waits longest, so that nobody who comes now is before them. */
  const leave = (): void => {
    const [next] = waiting
    if (next === undefined) running--
    else {
      waiting.delete(next)
      next()
    }
  }

  return {
    async run(work) {
      await turn()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
