import { startLoop } from '../consumers/loop.ts'
import { toAppError, type AppError } from '../core/errors.ts'
import { lastWordOn } from '../core/release-chain.ts'
import { unlessStopped } from '../core/stop.ts'
import { unlessRefused } from '../core/unless-refused.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'

type FollowerServices = Pick<Services, 'catalogue' | 'index' | 'tracking' | 'logger'>

/** Milliseconds between two looks at what others changed or lost; a new release record is followed at once. */
const INTERVAL = 30_000
/** The tag that names the release record which a version's decision was taken from. */
const RELEASE = 'release'

/**
 * Brings what others see to what the releases topic says: the generation that outside readers of the index use, the aliases
 * `champion` and `challenger`, and each version's decision with its reason. The topic is the truth, and nothing in it waits for this:
 * each part is compared and set right as far as it can be, what fails is told once and tried at the next call, and a version that is
 * missing is passed over, unless it needs an alias: then it is registered again.
 *
 * What is written is decided on right before it is written, and only while `works()`: a process that stood still must not undo what
 * the one that took over has written since.
 */
export function createRegistryFollower(
  { catalogue, index, tracking, logger }: FollowerServices,
  works: () => boolean,
): () => Promise<void> {
  const failing = new Set<string>()
  let served: string | undefined
  let missed = 0

  const failed = (part: string) => (error: unknown) => {
    if (works() && !failing.has(part))
      logger.warn({ err: error, part }, 'what the releases say cannot be shown; tried again')
    failing.add(part)
  }

  const attempt = async (part: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
      failing.delete(part)
    } catch (error) {
      failed(part)(error)
    }
  }

  const followIndex = async (): Promise<void> => {
    const outside = await index.serving()
    if (!works()) return
    const current = catalogue.currentRelease()
    const head = catalogue.releases().at(-1)?.releaseId
    // Said again at each new record: an index makes up for what it failed to keep of a release.
    if (current === null || (outside === current.generation && head === served)) return
    await index.serve(current.generation)
    served = head
  }

  const registerAgain = async (modelVersion: string, cause: AppError): Promise<void> => {
    const model = catalogue.model(modelVersion)
    if (model === null || model.manifest === null) throw cause
    const { requestId, manifest, trainedAt: registeredAt } = model
    const reason = catalogue.requests().find((request) => request.requestId === requestId)?.reason ?? 'manual'
    await tracking.register({ modelVersion, runId: modelVersion, manifest, tags: { reason }, registeredAt })
  }

  const aliased = {
    champion: () => catalogue.currentRelease()?.modelVersion ?? null,
    challenger() {
      const newest = catalogue.models().findLast(({ outcome }) => outcome === 'trained')?.modelVersion ?? null
      return newest === aliased.champion() ? null : newest
    },
  }

  const followAlias = async (alias: keyof typeof aliased): Promise<void> => {
    const known = (await tracking.aliases())[alias] ?? null
    if (!works()) return
    const modelVersion = aliased[alias]()
    if (known === modelVersion) return
    try {
      await tracking.setAlias(alias, modelVersion)
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.code !== 'model-not-found' || modelVersion === null) throw error
      await registerAgain(modelVersion, error)
      if (works() && aliased[alias]() === modelVersion) await tracking.setAlias(alias, modelVersion)
    }
  }

  /** All that the topic says of a model, evidence included, for whoever looks at its run. */
  const reportOn = async (modelVersion: string): Promise<void> => {
    const about = catalogue.releases().filter((record) => record.modelVersion === modelVersion)
    await tracking.logArtefact(modelVersion, 'releases.json', Buffer.from(`${JSON.stringify(about, null, 2)}\n`))
  }

  const tagDecision = async (modelVersion: string): Promise<void> => {
    if (!works()) return
    const last = lastWordOn(catalogue.releases(), modelVersion)
    if (last === null) return
    const { releaseId, state, reason } = last
    await tracking.tag(modelVersion, { decision: state, decision_reason: reason, [RELEASE]: releaseId })
  }

  const followDecisions = async (): Promise<void> => {
    const registered = new Map((await tracking.versions()).map(({ modelVersion, tags }) => [modelVersion, tags]))
    if (!works()) return
    const decidedOn = new Set(catalogue.releases().map(({ modelVersion }) => modelVersion))
    const isShown = (modelVersion: string): boolean =>
      registered.get(modelVersion)?.[RELEASE] === lastWordOn(catalogue.releases(), modelVersion)?.releaseId
    for (const modelVersion of decidedOn) {
      if (!works()) return
      if (!registered.has(modelVersion) || isShown(modelVersion)) continue
      await attempt('report', () => reportOn(modelVersion))
      await unlessRefused(() => tagDecision(modelVersion), failed('decision'))
    }
    const missing = [...decidedOn].filter((modelVersion) => !registered.has(modelVersion))
    if (missing.length > missed) logger.warn({ missing }, 'model versions are registered no more and passed over')
    missed = missing.length
  }

  return async () => {
    await attempt('index', followIndex)
    await attempt('champion', () => followAlias('champion'))
    await attempt('challenger', () => followAlias('challenger'))
    await attempt('decisions', followDecisions)
  }
}

/** Follows the releases beside everything else while `works()`. */
export function startRegistryFollower(services: FollowerServices, works: () => boolean): RunningRole {
  const follow = createRegistryFollower(services, works)
  const loop = startLoop({
    async step(stopping) {
      // What a stop cuts off is compared and written again by whoever works next.
      if (works()) await unlessStopped(follow(), stopping)
      return false
    },
    interval: INTERVAL,
    onWake: services.catalogue.onReleaseChange,
    onError: (error) => services.logger.error({ err: error }, 'the releases could not be followed'),
  })
  return { failed: never, stop: loop.stop }
}
