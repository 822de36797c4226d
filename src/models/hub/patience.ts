import { setTimeout as pause } from 'node:timers/promises'
import { HubAway } from './hub-away.ts'

/** How long a hub that does not answer is borne with; times in milliseconds. */
export type Patience = {
  /** How often something is tried before it is given up, counted anew whenever it got further. */
  readonly attempts: number
  /** The pause before the second attempt; each one after is twice as long. */
  readonly firstPause: number
  /** No pause is longer; a hub that asks for a longer one is given up. */
  readonly longestPause: number
  /** How long the hub may send nothing at all. */
  readonly silence: number
}

export const usualPatience: Patience = { attempts: 5, firstPause: 500, longestPause: 120_000, silence: 30_000 }

export type Persistence = {
  readonly patience: Patience
  readonly signal: AbortSignal
  /** Told before each pause, so that nobody takes it for a hang. */
  readonly onPause: (error: HubAway, milliseconds: number) => void
}

/**
 * What `attempt` gives; where the hub is away it is called again after a pause. `attempt` calls `gotFurther` once it was not in
 * vain. Throws what the last attempt threw, and the reason of the signal.
 */
export async function persistently<T>(
  attempt: (gotFurther: () => void) => Promise<T>,
  { patience, signal, onPause }: Persistence,
): Promise<T> {
  let failures = 0
  for (;;) {
    signal.throwIfAborted()
    try {
      return await attempt(() => (failures = 0))
    } catch (error) {
      signal.throwIfAborted()
      failures++
      if (!(error instanceof HubAway) || failures >= patience.attempts) throw error
      const wait = error.waitFor ?? spread(patience.firstPause * 2 ** (failures - 1))
      if (wait > patience.longestPause) throw error
      onPause(error, wait)
      await pause(wait, undefined, { signal })
    }
  }
}

/** Between three quarters and five quarters of the time: many who failed together should not come back together. */
const spread = (milliseconds: number): number => Math.round(milliseconds * (0.75 + Math.random() / 2))
