import type { Role } from '../config.ts'
import { startRoles } from '../roles/start-roles.ts'
import type { Services } from '../roles/services.ts'
import { showBuilds } from './build-stage.ts'
import type { Progress } from './progress.ts'
import { showTraining } from './training-stages.ts'

/** What became of a request for a retraining. */
export type Decision = {
  readonly requestId: string
  readonly modelVersion: string
  /** A release state, or `failed` or `superseded` where no model was trained. */
  readonly outcome: string
  readonly reason: string
  readonly generation: string | null
}

const LOOK_MILLISECONDS = 100
const trainingRoles: readonly Role[] = ['count', 'train', 'release', 'embed']

/** The decision on a request, or null while there is none: a promoted model is decided on once it serves. */
function decisionOn({ catalogue }: Pick<Services, 'catalogue'>, requestId: string): Decision | null {
  const model = catalogue.models().find((trained) => trained.requestId === requestId)
  if (model === undefined) return null
  const { modelVersion, outcome, detail } = model
  if (outcome !== 'trained') return { requestId, modelVersion, outcome, reason: detail ?? '', generation: null }
  const release = catalogue
    .releases()
    .find((record) => record.modelVersion === modelVersion && record.state !== 'building')
  if (release === undefined) return null
  const { state, reason, generation } = release
  return { requestId, modelVersion, outcome: state, reason, generation }
}

type Waiting = {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Rejects when something that should decide has ended. */
  readonly failed: Promise<unknown>
}

/** Resolves with the decision, or with null once the signal is raised; rejects when `failed` does. */
export async function untilDecided(services: Services, requestId: string, waiting: Waiting): Promise<Decision | null> {
  const { progress, signal, failed } = waiting
  const builds = showBuilds(services, progress)
  for (;;) {
    const decision = decisionOn(services, requestId)
    if (decision !== null || signal.aborted) {
      builds.end()
      return decision
    }
    await builds.look()
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS))])
  }
}

/** Trains, judges and releases in this process until the request is decided; null when it is told to stop before. */
export async function decideHere(
  services: Services,
  requestId: string,
  { progress, signal }: Omit<Waiting, 'failed'>,
): Promise<Decision | null> {
  const running = await startRoles(services, trainingRoles, showTraining(progress))
  const failed = Promise.race([running.failed, services.failed])
  failed.catch(() => undefined)
  try {
    return await untilDecided(services, requestId, { progress, signal, failed })
  } finally {
    await running.stop()
  }
}
