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
