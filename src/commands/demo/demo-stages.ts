import { viewReleases } from '../../core/release-chain.ts'
import { AppError } from '../../core/errors.ts'
import { publishSource } from '../../producers/publish-source.ts'
import type { Source } from '../../producers/source.ts'
import type { RunningRole } from '../../roles/role.ts'
import type { Services } from '../../roles/services.ts'
import { showBuilds } from '../build-stage.ts'
import type { Progress } from '../progress.ts'
import type { PublishReport } from '../../producers/publish-report.ts'

/** Publishes a source with a bar of its own. */
export async function publishStage(
  services: Services,
  progress: Progress,
  options: { name: string; source: Source; pauses: { every: number; wait: () => Promise<void> } | null },
): Promise<PublishReport> {
  const { name, source, pauses } = options
  const stage = progress.stage(name, source.total)
  const report = await publishSource(source, services.publisher, {
    ...(pauses === null ? {} : { batch: pauses.every, pause: pauses.wait }),
    onProgress: ({ accepted, duplicate, rejected }) => stage.update(accepted + duplicate + rejected, 'pairs'),
  })
  services.metrics.pairsPublished.inc({}, report.accepted)
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

/** Resolves once what has been asked for is trained, decided and, where it was promoted, serving. Rejects when a role fails. */
export async function settled(services: Services, running: RunningRole, progress: Progress): Promise<void> {
  await services.catalogue.caughtUp(services.log)
  const builds = showBuilds(services, progress)
  await Promise.race([
    running.failed,
    new Promise<void>((resolve, reject) => {
      const look = async (): Promise<void> => {
        await nothingDied(services)
        await builds.look()
        if (isSettled(services)) resolve()
        else setTimeout(() => void look().catch(reject), 100)
      }
      void look().catch(reject)
    }),
  ])
}
