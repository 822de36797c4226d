import type { RunningRole } from './role.ts'
import type { Services } from './services.ts'

/**
 * Serves what the releases topic says, from now on; resolves once the current release is served. Where another process folds the
 * catalogue, changes are noticed by looking.
 */
export async function startServingRole(services: Services): Promise<RunningRole> {
  const { catalogue, serving, tracking, metrics, observer, logger, holdsFolder } = services
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => (fail = reject))
  failed.catch(() => undefined)

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

  await follow()
  let turn: Promise<void> = Promise.resolve()
  const next = () => {
    turn = turn.then(follow).catch(fail)
  }
  const unsubscribe = catalogue.onReleaseChange(next)
  const poll = holdsFolder ? null : setInterval(next, 1_000)
  return {
    failed,
    async stop() {
      unsubscribe()
      if (poll !== null) clearInterval(poll)
      await turn
    },
  }
}
