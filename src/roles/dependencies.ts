import type { Role } from '../config.ts'
import { withDeadline } from '../core/deadline.ts'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import type { Services } from './services.ts'

/** How long a dependency may take to answer a question that costs it nothing, in milliseconds: less than any probe waits. */
export const PATIENCE = 3_000

/** What a dependency answers, or its code where that takes too long for whoever waits. */
export const inTime = <T>(work: Promise<T>, code: ErrorCode, patience = PATIENCE): Promise<T> =>
  withDeadline(work, patience, () => new AppError(code, 'It does not answer.'))

type Port = 'log' | 'index' | 'blobs' | 'tracking'

const needed: Readonly<Record<Role, readonly Port[]>> = {
  api: ['log', 'index', 'blobs'],
  embed: ['log', 'index', 'blobs'],
  count: ['log', 'blobs'],
  train: ['log', 'blobs', 'tracking'],
  release: ['log', 'index', 'blobs', 'tracking'],
  erase: ['log', 'index', 'blobs'],
}

/** The codes of the dependencies of these roles that do not answer now. */
export async function missingDependencies(
  { log, index, blobs, tracking }: Pick<Services, Port>,
  roles: readonly Role[],
): Promise<readonly ErrorCode[]> {
  const questions: Readonly<Record<Port, { readonly ask: () => Promise<unknown>; readonly code: ErrorCode }>> = {
    log: { ask: () => log.endOffsets('releases'), code: 'log-unavailable' },
    index: { ask: () => index.serving(), code: 'index-unavailable' },
    blobs: { ask: () => blobs.info('probe'), code: 'blob-store-unavailable' },
    tracking: { ask: () => tracking.aliases(), code: 'tracking-unavailable' },
  }
  const ports = new Set(roles.flatMap((role) => needed[role]))
  const answers = [...ports].map(async (port) => {
    const { ask, code } = questions[port]
    try {
      await inTime(ask(), code)
      return []
    } catch (error) {
      return [toAppError(error).kind === 'unavailable' ? toAppError(error).code : code]
    }
  })
  return (await Promise.all(answers)).flat()
}
