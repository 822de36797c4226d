import { startLoop } from '../consumers/loop.ts'
import { unlessStopped } from '../core/stop.ts'
import { joinRoles, never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

/**
 * Serves what the releases topic says, from now on; resolves once the current release is served or was tried. Where another process folds the
 * catalogue, changes are noticed by looking. A release whose model cannot be opened is tried again; until then what was served before is.
 * `signal` ends the wait for the first model.
 */
export async function startServingRole(services: Services, signal?: AbortSignal): Promise<RunningRole> {
  const { catalogue, serving, metrics, observer, logger, holdsFolder, servedCalibration } = services
  const recall = startRecallGauge(services)
  let calibration: Awaited<ReturnType<typeof servedCalibration.start>> | null = null
  const follow = async (stopping: AbortSignal | undefined): Promise<void> => {
    const current = catalogue.currentRelease()
    if (current?.release.releaseId === serving.current()?.release.releaseId) return
    await serving.switchTo(current, stopping)
    observer.restart()
    recall.switched()
    calibration?.look()
    if (current === null) return
    metrics.serveRelease(current.modelVersion, current.generation)
    logger.info({ modelVersion: current.modelVersion, generation: current.generation }, 'serving a release')
  }

  const report = (error: unknown) => logger.error({ err: error }, 'the current release cannot be served')
  await follow(signal).catch((error: unknown) => {
    if (signal?.aborted !== true) report(error)
  })
  calibration = await servedCalibration.start(
    () => serving.current()?.generation ?? null,
    (error) => logger.warn({ err: error }, 'the relevance of hits is not known yet; looked for again'),
  )
  const loop = startLoop({
    async step(stopping) {
      await follow(stopping)
      return false
    },
    interval: holdsFolder ? 10_000 : 1_000,
    onWake: catalogue.onReleaseChange,
    onError: report,
  })
  return joinRoles([recall, calibration, { failed: never, stop: loop.stop }])
}

/** Milliseconds until a recall that could not be read is asked for again. */
const INTERVAL = 30_000

/** Shows the recall of the model that is served, as its run has it; nothing waits for that. */
function startRecallGauge({ serving, tracking, metrics, logger }: Services): RunningRole & { switched(): void } {
  let shown: string | null = null
  let switched: () => void = () => undefined
  const loop = startLoop({
    async step(stopping) {
      const current = serving.current()
      if (current === null || current.release.releaseId === shown) return false
      // That of the model before is not this one's.
      metrics.championRecall.reset()
      const run = await unlessStopped(tracking.run(current.modelVersion), stopping)
      let isKnown = false
      for (const k of [1, 5, 10] as const) {
        const recall = run?.metrics[`text_to_image_success_${k}`]?.at(-1)?.value
        if (recall === undefined) continue
        metrics.championRecall.set({ k: String(k) }, recall)
        isKnown = true
      }
      // Whoever judged the model writes it there when the store lets them.
      if (!isKnown) return false
      shown = current.release.releaseId
      return serving.current()?.release.releaseId !== shown
    },
    interval: INTERVAL,
    onWake(wake) {
      switched = wake
      return () => (switched = () => undefined)
    },
    onError: (error) => logger.warn({ err: error }, 'the recall of the served model cannot be read yet; asked again'),
  })
  return { failed: never, stop: loop.stop, switched: () => switched() }
}
