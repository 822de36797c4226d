import { setMaxListeners } from 'node:events'
import { AppError } from './errors.ts'

const stopped = (): AppError => new AppError('not-ready', 'Stopped in the middle; the next start goes on from there.')

/** Throws `not-ready` once the signal is raised: for the places between two parts of a long work. */
export function requireGoing(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw stopped()
}

/** What `work` gives, or `not-ready` as soon as the signal is raised; the work itself is not stopped, only nobody waits for it. */
export async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  // Any number of works may hang on one signal, which Node.js takes for a leak from the eleventh on.
  setMaxListeners(0, signal)
  let stop: () => void = () => undefined
  const raised = new Promise<never>((_, reject) => {
    stop = () => reject(stopped())
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([work, raised])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** How long what is in hand at a stop may take to be done, in milliseconds: the process has ten seconds for all of it. */
const LAST_WORK = 5_000

/**
 * Runs `body` with a signal that is raised `grace` milliseconds after `signal` is: for work that a stop lets finish where it soon does.
 * At once where the signal comes with a reason of its own, such as a partition that has gone to somebody else.
 */
export async function withGrace<T>(
  signal: AbortSignal,
  body: (late: AbortSignal) => Promise<T>,
  grace = LAST_WORK,
): Promise<T> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    if (signal.reason instanceof AppError) late.abort(signal.reason)
    else timer = setTimeout(() => late.abort(), grace)
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await body(late.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
