import { exitCodes } from './exit-codes.ts'

/** npm passes on an interrupt that the terminal has sent to the whole group already: two within this time are one. */
const ECHO_MILLISECONDS = 500

/** A signal that the first SIGINT or SIGTERM raises; the second ends the process at once. */
export function listenForStop(): AbortSignal {
  const controller = new AbortController()
  let firstAt: number | null = null
  const stop = (): void => {
    if (firstAt === null) {
      firstAt = performance.now()
      controller.abort()
    } else if (performance.now() - firstAt > ECHO_MILLISECONDS) process.exit(exitCodes.interrupted.status)
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  return controller.signal
}

/** Resolves once the signal is raised. */
export const raised = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** What `work` gives, or what `late` gives where it is not done `milliseconds` after the signal was raised; the work itself is not stopped. */
export async function soonAfter<T>(
  signal: AbortSignal,
  milliseconds: number,
  work: Promise<T>,
  late: () => T,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const given = new Promise<T>((resolve) => {
    const begin = (): void => {
      if (!isOver) timer = setTimeout(() => resolve(late()), milliseconds)
    }
    void raised(signal).then(begin)
  })
  try {
    return await Promise.race([work, given])
  } finally {
    isOver = true
    clearTimeout(timer)
  }
}
