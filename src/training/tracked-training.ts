import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { unlessRefused } from '../core/unless-refused.ts'
import type { RegisteredVersion, Tracking } from '../ports/tracking.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { EpochResult, TrainingProgress } from './job.ts'

/** How long the end of a failed training waits for the epochs that are not logged yet, in milliseconds. */
const PATIENCE = 10_000
const late = () => new AppError('tracking-unavailable', 'Its last epochs were not logged in time.')

type Dependencies = {
  readonly tracking: Tracking
  readonly logger: Pick<Logger, 'warn'>
  readonly clock: () => number
}

type Finished = {
  readonly history: readonly EpochResult[]
  readonly version: Pick<RegisteredVersion, 'manifest' | 'tags'>
  readonly artefacts: Readonly<Record<string, Uint8Array>>
}

/**
 * The run and the registered version of one training, for people to look at. They decide nothing: what the store refuses, because the
 * run is missing there for instance, is told and passed over. `started` and `finished` throw where it is away, so that a training waits
 * for it; nothing else does.
 */
export function trackTraining({ tracking, logger, clock }: Dependencies, modelVersion: string) {
  const logged = new Set<number>()
  const endedAt = new Map<number, number>()
  let logging = Promise.resolve()
  let isOver = false

  const told = new Set<string>()
  const tell = (error: AppError): void => {
    if (told.has(error.code)) return
    told.add(error.code)
    logger.warn({ modelVersion, err: error }, 'a training is not tracked in full')
  }
  const required = <T>(work: () => Promise<T>): Promise<T | null> => unlessRefused(work, tell)
  const passed = async <T>(work: () => Promise<T>): Promise<T | null> =>
    work().catch((error: unknown) => {
      tell(toAppError(error))
      return null
    })

  const log = async ({ epoch, loss, developmentRecall }: EpochResult): Promise<void> => {
    const at = endedAt.get(epoch) ?? clock()
    await tracking.logMetrics(modelVersion, epoch, { loss, development_recall_10: developmentRecall }, at)
    logged.add(epoch)
  }

  return {
    async started(parameters: Readonly<Record<string, string>>): Promise<void> {
      const run = { runId: modelVersion, experiment: 'pairstream', name: modelVersion, startedAt: clock() }
      await required(() => tracking.startRun({ ...run, parameters: { ...parameters } }))
    },

    /** Logs the end of an epoch, after those before it and beside the training. Never throws; `finished` makes up for what failed. */
    progress({ epoch, loss, developmentRecall }: TrainingProgress): void {
      if (developmentRecall === undefined) return
      endedAt.set(epoch, clock())
      logging = logging.then(async () => {
        if (!isOver) await passed(() => log({ epoch, loss, developmentRecall }))
      })
    },

    async finished({ history, version, artefacts }: Finished): Promise<void> {
      isOver = true
      await logging
      if (history.some(({ epoch }) => !logged.has(epoch))) {
        const run = await passed(() => tracking.run(modelVersion))
        for (const { step } of run?.metrics['loss'] ?? []) logged.add(step)
      }
      for (const result of history) if (!logged.has(result.epoch)) await required(() => log(result))
      // Who keeps artefacts may be another server, which a finished training does not wait for.
      for (const [name, bytes] of Object.entries(artefacts)) {
        await passed(() => tracking.logArtefact(modelVersion, name, bytes))
      }
      await required(() => tracking.register({ modelVersion, runId: modelVersion, ...version, registeredAt: clock() }))
      await required(() => tracking.endRun(modelVersion, 'finished', clock()))
    },

    async failed({ code, message }: AppError): Promise<void> {
      await passed(() => withDeadline(logging, PATIENCE, late))
      isOver = true
      await passed(() => tracking.logArtefact(modelVersion, 'failure.txt', Buffer.from(`${code}: ${message}\n`)))
      await passed(() => tracking.endRun(modelVersion, 'failed', clock()))
    },

    /** The training goes on another time. */
    interrupted(): void {
      isOver = true
    },
  }
}
