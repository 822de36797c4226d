import { startLoop } from '../consumers/loop.ts'
import { unlessStopped } from '../core/stop.ts'
import { unlessRefused } from '../core/unless-refused.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

type Summary = Readonly<Record<string, number>>

/** Milliseconds until an evaluation that could not be shown is shown again. */
const INTERVAL = 30_000

/**
 * Shows evaluations in the runs of their models, beside the judging, which never waits for that: while the store is away each model's
 * newest is kept and shown when it is back, or lost with the process. What the store refuses is told and passed over.
 */
export function startEvaluationReports({
  tracking,
  logger,
  clock,
}: Pick<Services, 'tracking' | 'logger' | 'clock'>): RunningRole & {
  show(modelVersion: string, summary: Summary): void
} {
  const waiting = new Map<string, { readonly summary: Summary; readonly at: number }>()
  let shown: () => void = () => undefined
  const loop = startLoop({
    async step(stopping) {
      for (const [modelVersion, evaluation] of waiting) {
        const { summary, at } = evaluation
        const showing = unlessRefused(
          () => tracking.logMetrics(modelVersion, 0, summary, at),
          (error) => logger.warn({ modelVersion, err: error }, 'an evaluation is in no run'),
        )
        await unlessStopped(showing, stopping)
        if (waiting.get(modelVersion) === evaluation) waiting.delete(modelVersion)
      }
      return false
    },
    interval: INTERVAL,
    onWake(wake) {
      shown = wake
      return () => (shown = () => undefined)
    },
    onError: (error) => logger.warn({ err: error }, 'an evaluation cannot be shown in its run yet; tried again'),
  })
  return {
    failed: never,
    stop: loop.stop,
    show(modelVersion, summary) {
      waiting.set(modelVersion, { summary, at: clock() })
      shown()
    },
  }
}
