import { startLoop } from '../consumers/loop.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

/**
 * Serves what the releases topic says, from now on; resolves once the current release is served or was tried. Where another process folds the
 * catalogue, changes are noticed by looking. A release whose model cannot be opened is tried again; until then what was served before is.
 */
export async function startServingRole(services: Services): Promise<RunningRole> {
  const { catalogue, serving, tracking, metrics, observer, logger, holdsFolder } = services
  const follow = async (): Promise<void> => {
    const current = catalogue.currentRelease()
    if (current?.release.releaseId === serving.current()?.release.releaseId) return
    await serving.switchTo(current)
    observer.restart()
    if (current === null) return
    metrics.serveRelease(current.modelVersion, current.generation)
    logger.info({ modelVersion: current.modelVersion, generation: current.generation }, 'serving a release')
    const run = await tracking.run(current.modelVersion)
    for (const k of [1, 5, 10] as const) {
      const recall = run?.metrics[`text_to_image_success_${k}`]?.at(-1)?.value
      if (recall !== undefined) metrics.championRecall.set({ k: String(k) }, recall)
    }
  }

  const report = (error: unknown) => logger.error({ err: error }, 'the current release cannot be served')
  await follow().catch(report)
  const loop = startLoop({
    async step() {
      await follow()
      return false
    },
    interval: holdsFolder ? 10_000 : 1_000,
    onWake: catalogue.onReleaseChange,
    onError: report,
  })
  return { failed: never, stop: loop.stop }
}
