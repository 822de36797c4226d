import type { Role } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { startSchedule } from '../producers/schedule.ts'
import type { TrainingEvents } from '../training/train-request.ts'
import { showProbe, startApiRole } from './api-role.ts'
import { requestRetraining } from './commands.ts'
import { startEmbedRole } from './embed-role.ts'
import type { Front } from './front.ts'
import { startReleaseRole, type ReleaseEvents } from './release-role.ts'
import { joinRoles, namedIn, never, type RunningRole } from './role.ts'
import { startServingRole } from './serving-role.ts'
import type { Services } from './services.ts'
import { startTrainRole } from './train-role.ts'
import { startCountRole, startEraseRole, startFeatureUpkeep } from './upkeep-role.ts'

type RunningRoles = RunningRole & {
  /** Where the API listens; null without the role `api`. */
  readonly address: string | null
}

/**
 * Starts the roles in this process, answering HTTP through `front` where there is one; those that fail to start stop the ones before.
 * `signal` ends what a start waits for. What runs is named in `busy` until it has stopped.
 */
export async function startRoles(
  services: Services,
  roles: readonly Role[],
  events: TrainingEvents & ReleaseEvents = {},
  front?: Front,
  signal?: AbortSignal,
  busy = new Set<string>(),
): Promise<RunningRoles> {
  const running: RunningRole[] = []
  const runs = (name: string, role: RunningRole): void => void running.push(namedIn(busy, name, role))
  let address: string | null = null
  const starts: Record<Role, () => Promise<void>> = {
    count: async () => runs('count', await startCountRole(services)),
    train: async () => runs('train', await startTrainRole(services, events, signal)),
    release: async () => runs('release', startReleaseRole(services, events)),
    embed: async () => runs('embed', await startEmbedRole(services)),
    erase: async () => runs('erase', await startEraseRole(services)),
    api: async () => {
      runs('serving', await startServingRole(services, signal))
      const api = await startApiRole(services, front)
      address = api.address
      runs('api', api)
    },
  }
  try {
    for (const role of ['count', 'train', 'release', 'embed', 'erase', 'api'] as const) {
      if (roles.includes(role)) await starts[role]()
    }
    if (!roles.includes('erase')) runs('features', startFeatureUpkeep(services))
    const cron = services.config.RETRAIN_SCHEDULE
    if (cron !== undefined && roles.includes('count')) runs('schedule', scheduledRetraining(services, cron))
  } catch (error) {
    await joinRoles(running).stop()
    throw error
  }
  if (front !== undefined && !roles.includes('api')) showProbe(services, roles, front)
  return { ...joinRoles(running), address }
}

function scheduledRetraining(services: Services, cron: string): RunningRole {
  const request = async () => {
    await requestRetraining(services, 'schedule', 'schedule')
  }
  const onError = (error: unknown) =>
    services.logger.error({ err: error }, 'the scheduled retraining could not be requested')
  try {
    const schedule = startSchedule(cron, request, onError)
    return { failed: never, stop: () => schedule.stop() }
  } catch (error) {
    const { code, message } = toAppError(error)
    throw new AppError(code, `RETRAIN_SCHEDULE: ${message}`, { cause: error })
  }
}
