import { setTimeout as delay } from 'node:timers/promises'
import { viewReleases } from '../../core/release-chain.ts'
import { AppError } from '../../core/errors.ts'
import type { ModelTrained } from '../../core/events.ts'
import { publishSource } from '../../producers/publish-source.ts'
import type { Source } from '../../producers/source.ts'
import type { Services } from '../../roles/services.ts'
import { showBuilds } from '../build-stage.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Progress } from '../progress.ts'
import type { PublishReport } from '../../producers/publish-report.ts'

/** Publishes a source with a bar of its own. Rejects with the signal's reason once it is raised. */
export async function publishStage(
  services: Services,
  progress: Progress,
  options: {
    name: string
    source: Source
    signal: AbortSignal
    pauses: { every: number; wait: () => Promise<void> } | null
  },
): Promise<PublishReport> {
  const { name, source, signal, pauses } = options
  const stage = progress.stage(name, source.total)
  const report = await publishSource(source, services.publisher, {
    signal,
    ...(pauses === null ? {} : { batch: pauses.every, pause: pauses.wait }),
    onProgress: ({ accepted, duplicate, rejected }) => stage.update(accepted + duplicate + rejected, 'pairs'),
  })
  signal.throwIfAborted()
  stage.finish(
    `${report.accepted.toLocaleString('en-GB')} pairs published, ${report.duplicate} duplicates, ${report.rejected} rejected`,
  )
  return report
}

/** Whether every request is answered, every trained model decided on, and no generation is being built. */
function isSettled({ catalogue }: Services): boolean {
  const requests = catalogue.requests()
  const models = catalogue.models()
  const releases = catalogue.releases()
  return (
    requests.every(({ requestId }) => models.some((model) => model.requestId === requestId)) &&
    models.every(
      ({ outcome, modelVersion }) =>
        outcome !== 'trained' || releases.some((release) => release.modelVersion === modelVersion),
    ) &&
    viewReleases(releases).build === null
  )
}

/** A request or a model that died would be waited for in vain. */
async function nothingDied({ log }: Services): Promise<void> {
  for (const topic of ['retraining.requested', 'models.trained'] as const) {
    const [dead] = await log.dead(topic)
    if (dead !== undefined)
      throw new AppError(
        'training-failed',
        `A record of ${topic} is dead: ${dead.headers['cause'] ?? ''}; see the log above.`,
      )
  }
}

/** Resolves once what has been asked for is trained, decided and, where it was promoted, serving. Rejects with `broken`. */
export async function settled(services: Services, broken: Promise<unknown>, progress: Progress): Promise<void> {
  await services.catalogue.caughtUp(services.log)
  const builds = showBuilds(services, progress)
  for (;;) {
    await nothingDied(services)
    await builds.look()
    if (isSettled(services)) return
    await Promise.race([broken, delay(100)])
  }
}

/** How a story that was told to its end is to be called: a training that failed is no part of it, a rejected model is. */
export const statusOf = (models: readonly Pick<ModelTrained, 'outcome'>[]): number =>
  models.some(({ outcome }) => outcome === 'failed') ? exitCodes.failed.status : exitCodes.ok.status
