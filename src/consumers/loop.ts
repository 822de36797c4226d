type Loop = { stop(): Promise<void> }

/**
 * Calls `step` again and again: at once after it did something, else when woken or after `interval` milliseconds. A step that
 * throws is reported and tried again after the interval.
 */
export function startLoop(options: {
  readonly step: () => Promise<boolean>
  readonly interval: number
  /** Subscribes to whatever may give the step something to do. */
  readonly onWake: (wake: () => void) => () => void
  readonly onError: (error: unknown) => void
}): Loop {
  const state = { stopped: false, woken: false }
  let wake: () => void = () => undefined
  const unsubscribe = options.onWake(() => {
    state.woken = true
    wake()
  })

  const rest = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.interval)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (state.woken || state.stopped) wake()
    })
  }

  const isStopped = (): boolean => state.stopped
  const ended = (async () => {
    while (!isStopped()) {
      state.woken = false
      const busy = await options.step().catch((error: unknown) => {
        options.onError(error)
        state.woken = false
        return false
      })
      if (!busy && !isStopped()) await rest()
    }
  })()

  return {
    async stop() {
      state.stopped = true
      unsubscribe()
      wake()
      await ended
    },
  }
}
