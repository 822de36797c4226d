import { setTimeout as delay } from 'node:timers/promises'
import { unlessStopped } from '../../../core/stop.ts'
import { answerOf, translate } from './failures.ts'
import type { GroupCoordinator } from './group-protocol.ts'
import type { KafkaLogListener } from './options.ts'
import type { OwnedPartition } from './sticky-assignment.ts'
import { toldOnce } from './told-once.ts'

/** A commit that must not be made any more. */
export type Commit = OwnedPartition & { readonly offset: number; readonly isLost: () => boolean }

/** As whom the group knows a member. */
export type MemberOf = { readonly memberId: string; readonly generation: number }

export type GroupCommitsOptions = {
  readonly group: string
  readonly use: <R>(work: (coordinator: GroupCoordinator) => Promise<R>) => Promise<R>
  /** Null while the group is shared out anew. */
  readonly member: () => MemberOf | null
  /** Resolves when the member, or what it holds, has changed. */
  readonly changed: () => Promise<void>
  /** Told that the group does not know the member as that any more. */
  readonly onOutdated: () => void
  /** Raised when the consumer is to end: from then on a commit is not tried for long. */
  readonly stopping: AbortSignal
  readonly onLog?: KafkaLogListener | undefined
}

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000
/** How long a commit may take once the consumer is to end, in milliseconds. */
const PATIENCE = 2_000

const outdated = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])
/** Whether the group is shared out anew, or was without this member. */
export const isOutdated = (error: unknown): boolean => outdated.has(answerOf(error) ?? '')

/** Resolves once it is committed, or must not be: the partition is lost, or the brokers do not answer while the consumer ends. */
export function createGroupCommits(options: GroupCommitsOptions): (commit: Commit) => Promise<void> {
  const { group, use, member, changed, stopping } = options
  const tell = toldOnce((state) => options.onLog?.('warn', `Group ${group} does not commit: ${state}`))

  const tryOn = async ({ topic, partition, offset, isLost }: Commit, givingUp: AbortSignal): Promise<void> => {
    for (let wait = FIRST_PAUSE; !isLost() && !givingUp.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      const change = changed()
      if (member() === null) {
        await Promise.race([change, delay(LONGEST_PAUSE, undefined, { ref: false })])
        continue
      }
      try {
        const isSettled = await use(async (coordinator) => {
          // Between these lines nothing else runs: the commit is made as the member that owns the partition, or refused.
          const current = member()
          if (isLost()) return true
          if (current === null) return false
          await coordinator.offsetCommit({
            groupId: group,
            groupGenerationId: current.generation,
            memberId: current.memberId,
            topics: [{ topic, partitions: [{ partition, offset: String(offset) }] }],
          })
          return true
        })
        if (!isSettled) continue
        tell('')
        return
      } catch (error) {
        if (isOutdated(error)) {
          options.onOutdated()
          await Promise.race([change, delay(LONGEST_PAUSE, undefined, { ref: false })])
        } else {
          tell(translate(error).message)
          await delay(wait, undefined, { ref: false })
        }
      }
    }
  }

  return async (commit) => {
    const givingUp = new AbortController()
    const tried = tryOn(commit, givingUp.signal)
    try {
      await unlessStopped(tried, stopping)
    } catch {
      // A network that swallows what is sent must not hold up the end.
      await Promise.race([tried, delay(PATIENCE, undefined, { ref: false })])
    } finally {
      givingUp.abort()
    }
  }
}
