export type Loop = { stop(): Promise<void> }

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
  let stopped = false
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
      if (woken || stopped) wake()
    })
  }

  const ended = (async () => {
    while (!stopped) {
      woken = false
      const busy = await options.step().catch((error: unknown) => {
        options.onError(error)
        woken = false
        return false
      })
      if (!busy && !stopped) await rest()
    }
  })()

  return {
    async stop() {
      stopped = true
      unsubscribe()
      wake()
      await ended
    },
  }
}
