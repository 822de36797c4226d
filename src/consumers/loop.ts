import { toAppError } from '../core/errors.ts'

type Loop = { stop(): Promise<void> }

/**
 * Calls `step` again and again: at once after it did something, else when woken or after `interval` milliseconds. A step that
 * throws is reported and tried again after the interval. On a stop its signal is raised: it may leave what it does for the next start, by
 * a throw that is then nobody's concern.
 */
export function startLoop(options: {
  readonly step: (signal: AbortSignal) => Promise<boolean>
  readonly interval: number
  /** Subscribes to whatever may give the step something to do. */
  readonly onWake: (wake: () => void) => () => void
  readonly onError: (error: unknown) => void
}): Loop {
  const stopping = new AbortController()
  const { signal } = stopping
  let woken = false
  let wake: () => void = () => undefined
  const unsubscribe = options.onWake(() => {
    woken = true
    wake()
  })

  const rest = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.interval)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (woken || signal.aborted) wake()
    })
  }

  const isStopped = (): boolean => signal.aborted
  const ended = (async () => {
    while (!isStopped()) {
      woken = false
      const busy = await options.step(signal).catch((error: unknown) => {
        if (!isStopped() || toAppError(error).kind !== 'unavailable') options.onError(error)
        woken = false
        return false
      })
      if (!busy && !isStopped()) await rest()
    }
  })()

  return {
    async stop() {
      stopping.abort()
      unsubscribe()
      wake()
      await ended
    },
  }
}
