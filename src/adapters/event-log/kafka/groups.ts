import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import { answerOf, mayPass } from './failures.ts'
import type { KafkaLogOptions } from './options.ts'
import { withAdmin } from './topics.ts'

/** How long a member that has just been stopped or killed may still count as one, in milliseconds. */
const DEPARTURE = 10_000
const PAUSE = 100

/** The groups of this installation, without the prefix, that have committed offsets of one of the topics. */
export function listGroups(options: KafkaLogOptions, topics: readonly string[]): Promise<string[]> {
  const prefix = options.prefix ?? ''
  return withAdmin(options, async (admin) => {
    const { groups } = await admin.listGroups()
    const own = groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(prefix))
    const kept = await Promise.all(own.map((group) => hasCommitted(admin, group, topics)))
    return own
      .filter((_, index) => kept[index])
      .map((group) => group.slice(prefix.length))
      .sort()
  })
}

async function hasCommitted(admin: Admin, group: string, topics: readonly string[]): Promise<boolean> {
  const offsets = await admin.fetchOffsets({ groupId: group, topics: [...topics] })
  return offsets.some(({ partitions }) => partitions.some(({ offset }) => Number(offset) >= 0))
}

/** Throws `group-running` where members do not go away. */
export const deleteGroup = (options: KafkaLogOptions, group: string): Promise<void> =>
  withAdmin(options, (admin) => deleteOnceEmpty(admin, group))

/** Waits for members that are about to leave, and for a coordinator that moves. Throws `group-running`, or what kafkajs throws. */
export async function deleteOnceEmpty(admin: Pick<Admin, 'deleteGroups'>, group: string): Promise<void> {
  const until = performance.now() + DEPARTURE
  for (;;) {
    const refusal = await tryToDelete(admin, group)
    const answer = answerOf(refusal)
    if (refusal === null || answer === 'GROUP_ID_NOT_FOUND') return
    const isLate = performance.now() > until
    if (answer === 'NON_EMPTY_GROUP') {
      const detail = `The group ${group} cannot be deleted while it has members; stop them.`
      if (isLate) throw new AppError('group-running', detail)
    } else if (isLate || answer === null || !mayPass(refusal)) throw refusal
    await delay(PAUSE)
  }
}

/** Null once it is deleted, else why it is not. */
async function tryToDelete(admin: Pick<Admin, 'deleteGroups'>, group: string): Promise<Error | null> {
  try {
    await admin.deleteGroups([group])
    return null
  } catch (error) {
    const [refusal] = (error as { readonly groups?: readonly { readonly error?: unknown }[] }).groups ?? []
    const failure = refusal?.error ?? error
    return failure instanceof Error ? failure : new Error(String(failure))
  }
}
