import type { RunningRole } from './role.ts'
import type { Services } from './services.ts'

/**
 * Serves what the releases topic says, from now on; resolves once the current release is served. Aliases of the index and of
 * tracking follow the topic. Where another process folds the catalogue, changes are noticed by looking.
 */
export async function startServingRole(services: Services): Promise<RunningRole> {
  const { catalogue, serving, index, tracking, metrics, observer, logger, holdsFolder } = services
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
    if (!holdsFolder) return
    await index.serve(current.generation)
    await tracking.setAlias('champion', current.modelVersion)
    const recall = catalogue.model(current.modelVersion)?.metrics['validation_recall_10']
    if (recall !== undefined) metrics.championRecall.set({ k: '10' }, recall)
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
