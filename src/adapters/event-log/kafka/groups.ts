import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import { answerOf } from './failures.ts'
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
export function deleteGroup(options: KafkaLogOptions, group: string): Promise<void> {
  return withAdmin(options, async (admin) => {
    const until = performance.now() + DEPARTURE
    for (;;) {
      const answer = await tryToDelete(admin, group)
      if (answer === null || answer === 'GROUP_ID_NOT_FOUND') return
      if (answer !== 'NON_EMPTY_GROUP' || performance.now() > until) {
        throw new AppError('group-running', `The group ${group} cannot be deleted while it has members; stop them.`)
      }
      await delay(PAUSE)
    }
  })
}

/** Null once it is deleted, else what the broker answered. */
async function tryToDelete(admin: Admin, group: string): Promise<string | null> {
  try {
    await admin.deleteGroups([group])
    return null
  } catch (error) {
    const [refusal] = (error as { readonly groups?: readonly { readonly error?: unknown }[] }).groups ?? []
    const answer = answerOf(refusal?.error) ?? answerOf(error)
    if (answer === null) throw error
    return answer
  }
}
