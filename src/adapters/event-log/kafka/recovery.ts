import { setTimeout as delay } from 'node:timers/promises'
import { translate } from './failures.ts'
import { toldOnce } from './told-once.ts'

/** The pauses after failures, longer each time until all is well again. */
export interface Recovery {
  /** Tells what it is, once until all is well again, and waits; does neither once `stopping` is raised. */
  failed(error: unknown): Promise<void>
  well(): void
}

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000

export function createRecovery(tell: (failure: string) => void, stopping: AbortSignal): Recovery {
  const tellOnce = toldOnce(tell)
  let pause = FIRST_PAUSE

  return {
    async failed(error) {
      if (stopping.aborted) return
      tellOnce(translate(error).message)
      await delay(pause, undefined, { signal: stopping, ref: false }).catch(() => undefined)
      pause = Math.min(pause * 2, LONGEST_PAUSE)
    },
    well() {
      tellOnce('')
      pause = FIRST_PAUSE
    },
  }
}
