import type { ReleaseRecord } from '../core/events.ts'
import { reindexModel } from '../roles/commands.ts'
import type { Services } from '../roles/services.ts'
import { startRoles } from '../roles/start-roles.ts'
import { audited } from './audited.ts'
import { showBuilds } from './build-stage.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { AuditedOptions } from './erase.ts'
import type { ExitName } from './exit-codes.ts'
import { findModel } from './models.ts'
import { createProgress, type Progress } from './progress.ts'
import { withServices } from './with-services.ts'

export type ReindexOptions = AuditedOptions & {
  readonly to: string
  readonly wait: boolean
}

const LOOK_MILLISECONDS = 100

/** Builds a new generation of a model beside the one that serves; it takes over once it is complete. */
export function reindex({ to, by, wait, json }: ReindexOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const { modelVersion } = findModel(services, to)
    const building = await audited(services, { action: 'models:reindex', object: modelVersion, by }, () =>
      reindexModel(services, modelVersion, by),
    )
    const generation = building.generation ?? '–'
    const alone = services.isAlone
    if (!wait) {
      if (json === true) printJson(context, building)
      else print(context, `${modelVersion} is being built as ${generation}; it serves once its index is complete.`)
      if (alone) remark(context, "Nobody builds it now: start 'pairstream serve'.")
      return 'ok'
    }
    const progress = createProgress({ stream: context.stderr, isTerminal: context.stderr.isTTY })
    progress.say('releases', `building ${generation} of ${modelVersion}`)
    try {
      const ended = await (alone ? buildHere : untilEnded)(services, building, { progress, signal: context.signal })
      if (ended === null) {
        const next = alone ? "'pairstream serve' goes on with it" : 'the running process goes on'
        remark(context, `Stopped before ${generation} was complete; ${next}.`)
        return 'interrupted'
      }
      if (json === true) printJson(context, ended)
      else if (ended.state === 'promoted') print(context, `${modelVersion} serves, from generation ${generation}.`)
      else print(context, `${generation} was given up: ${ended.reason}`)
      return ended.state === 'promoted' ? 'ok' : 'failed'
    } finally {
      progress.stop()
    }
  })
}

type Waiting = {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Rejects when something that should build has ended. */
  readonly failed?: Promise<unknown>
}

/** How the build ended: the record that promoted its generation, or that gave it up; null once the signal is raised. */
async function untilEnded(
  services: Services,
  { generation }: ReleaseRecord,
  { progress, signal, failed = services.failed }: Waiting,
): Promise<ReleaseRecord | null> {
  const builds = showBuilds(services, progress)
  const ended = () =>
    services.catalogue.releases().find((record) => record.generation === generation && record.state !== 'building')
  for (;;) {
    const record = ended()
    if (record !== undefined || signal.aborted) {
      builds.end()
      return record ?? null
    }
    await builds.look()
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS))])
  }
}

/** Builds and switches in this process, where no other does. */
async function buildHere(services: Services, building: ReleaseRecord, waiting: Waiting): Promise<ReleaseRecord | null> {
  const running = await startRoles(services, ['release', 'embed'])
  const failed = Promise.race([running.failed, services.failed])
  failed.catch(() => undefined)
  try {
    return await untilEnded(services, building, { ...waiting, failed })
  } finally {
    await running.stop()
  }
}
