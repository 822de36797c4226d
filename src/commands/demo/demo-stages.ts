import { viewReleases } from '../../core/release-chain.ts'
import { AppError } from '../../core/errors.ts'
import { embedGroup } from '../../core/consumer-groups.ts'
import { publishSource } from '../../producers/publish-source.ts'
import type { Source } from '../../producers/source.ts'
import type { RunningRole } from '../../roles/role.ts'
import type { Services } from '../../roles/services.ts'
import type { TrainingEvents } from '../../training/train-request.ts'
import type { Progress, Stage } from '../progress.ts'
import type { PublishReport } from '../../producers/publish-report.ts'
import type { Chronicle } from './chronicle.ts'

/** Publishes a source with a bar of its own. */
export async function publishStage(
  services: Services,
  progress: Progress,
  chronicle: Chronicle,
  options: { name: string; source: Source; pauses: { every: number; wait: () => Promise<void> } | null },
): Promise<PublishReport> {
  const { name, source, pauses } = options
  const startedAt = services.clock()
  const stage = progress.stage(name, source.total)
  const report = await publishSource(source, services.publisher, {
    ...(pauses === null ? {} : { batch: pauses.every, pause: pauses.wait }),
    onProgress: ({ accepted, duplicate, rejected }) => stage.update(accepted + duplicate + rejected, 'pairs'),
  })
  services.metrics.pairsPublished.inc({}, report.accepted)
  stage.finish(
    `${report.accepted.toLocaleString('en-GB')} pairs published, ${report.duplicate} duplicates, ${report.rejected} rejected`,
  )
  chronicle.stageEnded(name, startedAt)
  return report
}

/** Bars for what the trainer does: features, then epochs. */
export function trainingStages(progress: Progress, chronicle: () => Chronicle, clock: () => number): TrainingEvents {
  let features: { stage: Stage; startedAt: number } | null = null
  let epochs: { stage: Stage; startedAt: number } | null = null
  const end = (open: typeof features, name: string, line: string) => {
    open?.stage.finish(line)
    if (open !== null) chronicle().stageEnded(name, open.startedAt)
  }
  return {
    onFeatures(done, total) {
      features ??= { stage: progress.stage('features', total), startedAt: clock() }
      features.stage.update(done, 'pictures')
      if (done < total) return
      end(features, 'features', `${total.toLocaleString('en-GB')} pictures seen by the backbone`)
      features = null
    },
    onProgress(modelVersion, { step, steps, epoch, loss, developmentRecall }) {
      epochs ??= { stage: progress.stage('training', steps), startedAt: clock() }
      const recall = developmentRecall === undefined ? '' : `, recall@10 ${(developmentRecall * 100).toFixed(1)} %`
      epochs.stage.update(step, `epoch ${epoch}, loss ${loss.toFixed(2)}${recall}`)
    },
    onTrained(modelVersion, result, pairs) {
      chronicle().trained(modelVersion, result, pairs)
      end(epochs, 'training', `${result.epochsRun} epochs, the best is number ${result.bestEpoch}`)
      epochs = null
    },
  }
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
export async function settled(
  services: Services,
  running: RunningRole,
  progress: Progress,
  chronicle: Chronicle,
): Promise<void> {
  const { catalogue, log, clock } = services
  await catalogue.caughtUp(log)
  let build: { generation: string; stage: Stage; startedAt: number; total: number } | null = null

  const showBuild = async (): Promise<void> => {
    const open = viewReleases(catalogue.releases()).build
    if (open !== null && build === null) {
      const ends = await log.endOffsets('pairs')
      const total = [...ends.values()].reduce((sum, end) => sum + end, 0)
      const { generation } = open
      build = { generation, total, stage: progress.stage(`index ${generation}`, total), startedAt: clock() }
    }
    if (build === null) return
    const committed = await log.committedOffsets(embedGroup(build.generation), 'pairs')
    build.stage.update(
      Math.min(
        build.total,
        [...committed.values()].reduce((sum, next) => sum + next, 0),
      ),
      'pairs',
    )
    if (open !== null) return
    build.stage.finish(`generation ${build.generation} is complete`)
    chronicle.stageEnded(`index ${build.generation}`, build.startedAt)
    build = null
  }

  await Promise.race([
    running.failed,
    new Promise<void>((resolve, reject) => {
      const look = async (): Promise<void> => {
        await nothingDied(services)
        await showBuild()
        if (isSettled(services) && build === null) resolve()
        else setTimeout(() => void look().catch(reject), 100)
      }
      void look().catch(reject)
    }),
  ])
}
