import { startLoop } from '../consumers/loop.ts'
import { toAppError } from '../core/errors.ts'
import type { Calibration } from '../core/relevance.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { Judgement } from '../evaluation/held-out.ts'
import { calibrate } from '../evaluation/relevance/calibrate.ts'
import { rankedQueries } from '../evaluation/relevance/ranked-queries.ts'
import { reliabilityPlot } from '../evaluation/relevance/reliability-plot.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

/** How much the gallery may grow, or shrink, before relevance is fitted again: by a fifth. */
const GROWTH = 1.2
const INTERVAL = 30_000

type Calibrating = Pick<Services, 'catalogue' | 'index' | 'encoders' | 'calibrations' | 'tracking' | 'logger' | 'clock'>

export type CalibrationKeeper = RunningRole & {
  /** Fits what is known of a generation that is about to serve; where that fails, it is told and tried again later. */
  prepare(modelVersion: string, generation: string, signal: AbortSignal | undefined): Promise<void>
}

/**
 * Fits the relevance of hits under the release that serves: before it takes over, and again whenever the gallery has grown by a fifth since. What was fitted is
 * in the blob store, its figures and the reliability plot in the run of the model. `works` says whether it is this process that does it.
 */
export function startCalibrationRole(
  services: Calibrating,
  judgement: Judgement,
  works: () => boolean,
): CalibrationKeeper {
  const { catalogue, index, encoders, calibrations, tracking, logger, clock } = services
  /** How many live images there were when nothing could be fitted, by generation. */
  const hopeless = new Map<string, number>()

  const isDue = (images: number, before: number | null): boolean =>
    before === null || images > before * GROWTH || images * GROWTH < before

  const show = async ({ modelVersion, report, threshold }: Calibration): Promise<void> => {
    const metrics = {
      relevance_calibration_error: report.calibrationError,
      relevance_calibration_error_of_best: report.calibrationErrorOfBest,
      relevance_auroc: report.auroc,
      relevance_wrongly_empty: report.wronglyEmpty,
      relevance_threshold: threshold,
    }
    await tracking.logMetrics(modelVersion, 0, metrics, clock())
    await tracking.logArtefact(modelVersion, 'reliability.svg', new TextEncoder().encode(reliabilityPlot(report)))
  }

  const fit = async (modelVersion: string, generation: string, signal: AbortSignal | undefined): Promise<void> => {
    const { images } = catalogue.counts()
    const known = await calibrations.get(generation)
    if (!isDue(images, known?.images ?? hopeless.get(generation) ?? null)) return
    const encoder = await encoders.open(modelVersion, signal)
    try {
      const queries = await rankedQueries({ catalogue, index, judgement }, generation, encoder, signal)
      const fitted = calibrate(queries)
      if (fitted === null) {
        hopeless.set(generation, images)
        return
      }
      const calibration = { ...fitted, modelVersion, generation, images, fittedAt: clock() }
      await calibrations.put(calibration)
      const { calibrationError, auroc, wronglyEmpty } = fitted.report
      logger.info({ modelVersion, generation, images, calibrationError, auroc, wronglyEmpty }, 'relevance was fitted')
      await show(calibration).catch((error: unknown) => {
        logger.warn({ modelVersion, err: error }, 'the figures of relevance are in no run')
      })
    } finally {
      await encoder.close()
    }
  }

  const loop = startLoop({
    async step(signal) {
      if (!works()) return false
      const { serving, live } = viewReleases(catalogue.releases())
      if (serving?.generation == null) return false
      await calibrations.keep(new Set(live.keys()))
      await fit(serving.modelVersion, serving.generation, signal)
      return false
    },
    interval: INTERVAL,
    onWake: catalogue.onReleaseChange,
    onError: (error) => logger.warn({ err: error }, 'relevance could not be fitted yet; tried again'),
  })

  return {
    failed: never,
    stop: loop.stop,
    async prepare(modelVersion, generation, signal) {
      try {
        await fit(modelVersion, generation, signal)
      } catch (error) {
        if (signal?.aborted === true) throw error
        logger.warn({ err: toAppError(error), generation }, 'relevance could not be fitted before the switch')
      }
    },
  }
}
