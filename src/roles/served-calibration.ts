import { startLoop } from '../consumers/loop.ts'
import { unlessStopped } from '../core/stop.ts'
import type { Calibration } from '../core/relevance.ts'
import type { CalibrationStore } from './calibration-store.ts'
import { inTime } from './dependencies.ts'
import { never, type RunningRole } from './role.ts'

/** Milliseconds until it is looked whether relevance was fitted again. */
const INTERVAL = 10_000

export type ServedCalibration = {
  /** What is known of relevance in a generation; null while nothing is. */
  of(generation: string): Calibration | null
  /** Follows what is fitted for the generation that serves; resolves once it has looked, or given up for now. */
  start(serving: () => string | null, onError: (error: unknown) => void): Promise<RunningRole & { look(): void }>
}

/** Keeps what was fitted for the served generation at hand, for searches, which wait for no store. */
export function createServedCalibration(store: CalibrationStore): ServedCalibration {
  let known: { readonly calibration: Calibration; readonly putAt: number } | null = null

  const look = async (generation: string | null): Promise<void> => {
    if (generation === null) return
    const putAt = await store.putAt(generation)
    if (putAt === null || (known?.calibration.generation === generation && known.putAt === putAt)) return
    const calibration = await store.get(generation)
    if (calibration?.generation === generation) known = { calibration, putAt }
  }

  return {
    of: (generation) => (known?.calibration.generation === generation ? known.calibration : null),
    async start(serving, onError) {
      await inTime(look(serving()), 'blob-store-unavailable').catch(onError)
      let again: () => void = () => undefined
      const loop = startLoop({
        async step(stopping) {
          await unlessStopped(look(serving()), stopping)
          return false
        },
        interval: INTERVAL,
        onWake(wake) {
          again = wake
          return () => (again = () => undefined)
        },
        onError,
      })
      return { failed: never, stop: loop.stop, look: () => again() }
    },
  }
}
