import type { Role } from '../config.ts'
import { AppError } from '../core/errors.ts'
import { startRoles } from '../roles/start-roles.ts'
import type { Services } from '../roles/services.ts'
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
export function decisionOn({ catalogue }: Pick<Services, 'catalogue'>, requestId: string): Decision | null {
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

/** Resolves with the decision; rejects when `failed` does, or when the signal is raised. */
export async function untilDecided(
  services: Services,
  requestId: string,
  { failed, signal }: { readonly failed: Promise<unknown>; readonly signal: AbortSignal },
): Promise<Decision> {
  for (;;) {
    const decision = decisionOn(services, requestId)
    if (decision !== null) return decision
    if (signal.aborted)
      throw new AppError('not-ready', 'Stopped before the decision; the training goes on where serve runs.')
    await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS))])
  }
}

/** Trains, judges and releases in this process until the request is decided. */
export async function decideHere(
  services: Services,
  requestId: string,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<Decision> {
  const running = await startRoles(services, trainingRoles, showTraining(progress))
  const failed = Promise.race([running.failed, services.failed])
  failed.catch(() => undefined)
  try {
    return await untilDecided(services, requestId, { failed, signal })
  } finally {
    await running.stop()
  }
}
