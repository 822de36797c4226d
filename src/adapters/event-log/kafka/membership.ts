import { setTimeout as delay } from 'node:timers/promises'
import { unlessStopped } from '../../../core/stop.ts'
import type { Connection } from './connection.ts'
import { createDeferred } from './deferred.ts'
import { answerOf, translate } from './failures.ts'
import {
  PROTOCOL_NAME,
  decodeAssignment,
  decodeMember,
  encodeAssignment,
  encodeMember,
  type GroupCoordinator,
  type JoinedGroup,
} from './group-protocol.ts'
import type { KafkaLogListener } from './options.ts'
import { assignPartitions, type OwnedPartition } from './sticky-assignment.ts'

export type MembershipOptions = {
  readonly connection: Connection
  /** The full name. */
  readonly group: string
  readonly topics: readonly string[]
  /** All partitions of the topics: what the leader shares out. */
  readonly partitions: readonly OwnedPartition[]
  readonly sessionTimeout: number
  /** Raised when the consumer is to end: from then on a commit is not tried for long. */
  readonly stopping: AbortSignal
  /** The group is about to be shared out anew. Resolves when the work in hand is done, or has taken too long to wait for. */
  readonly onRebalance: () => Promise<void>
  /** The partitions that are this member's now; what it held and is not among them is lost. */
  readonly onAssigned: (partitions: readonly OwnedPartition[]) => Promise<void>
  /** All that it held is, or may be, another's. */
  readonly onLost: () => void
  readonly onLog?: KafkaLogListener | undefined
}

/** A commit that must not be made any more. */
export type Commit = OwnedPartition & { readonly offset: number; readonly isLost: () => boolean }

/**
 * A member of a consumer group, kept alive apart from any work: heartbeats go on however long a handler takes. kafkajs' own
 * consumer ties the two together, and repeats a commit in a later generation in which the partition may be another's.
 */
export interface Membership {
  /** Resolves once it is committed, or must not be: the partition is lost, or the member has left in the meantime. */
  commit(commit: Commit): Promise<void>
  /** Leaves the group, so that others take over at once. */
  leave(): Promise<void>
  /** Rejects when the group does not take this member, with `configuration-invalid`. */
  readonly failed: Promise<never>
}

const LONGEST_HEARTBEAT_INTERVAL = 1_000
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000
/** How long leaving, and the last commit before it, may take when the brokers do not answer. */
const LEAVE_PATIENCE = 2_000

const rebalancing = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'])
const isRebalancing = (error: unknown): boolean => rebalancing.has(answerOf(error) ?? '')
const isForgotten = (error: unknown): boolean => answerOf(error) === 'UNKNOWN_MEMBER_ID'

export function joinGroup(options: MembershipOptions): Membership {
  const { connection, group, topics, sessionTimeout } = options
  const heartbeatInterval = Math.min(LONGEST_HEARTBEAT_INTERVAL, sessionTimeout / 10)
  const leaving = new AbortController()
  const isLeaving = (): boolean => leaving.signal.aborted
  let memberId = ''
  let generation = -1
  let owned: readonly OwnedPartition[] = []
  let lastContact = performance.now()
  let isMember = false
  let isRejoinWanted = false
  let wakeUp: () => void = () => undefined
  let changed = createDeferred()
  let trouble = ''

  const use = <R>(work: (coordinator: GroupCoordinator) => Promise<R>): Promise<R> =>
    connection.useCoordinator(group, (coordinator) => work(coordinator as GroupCoordinator))

  /** Raised when commits are no longer waited for. */
  const givingUp = new AbortController()
  options.stopping.addEventListener('abort', () => setTimeout(() => givingUp.abort(), LEAVE_PATIENCE).unref(), {
    once: true,
  })

  /** Once for each state that commits are in, not for each attempt. */
  const tellOfCommits = (state: string): void => {
    if (state !== '' && state !== trouble) options.onLog?.('warn', `Group ${group} does not commit: ${state}`)
    trouble = state
  }

  const lose = (): void => {
    owned = []
    options.onLost()
    announceChange()
  }

  const announceChange = (): void => {
    changed.resolve()
    changed = createDeferred()
  }

  const pause = (milliseconds: number): Promise<void> => {
    if (isLeaving()) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  const shareOut = ({ members }: JoinedGroup) => {
    const shares = assignPartitions(
      members.map((member) => decodeMember(member.memberId, member.memberMetadata)),
      options.partitions,
    )
    return [...shares].map(([id, partitions]) => ({ memberId: id, memberAssignment: encodeAssignment(partitions) }))
  }

  const join = async (): Promise<void> => {
    const metadata = encodeMember(topics, owned, generation)
    const joined = await use((coordinator) =>
      coordinator.joinGroup({
        groupId: group,
        sessionTimeout,
        rebalanceTimeout: sessionTimeout,
        memberId,
        groupProtocols: [{ name: PROTOCOL_NAME, metadata }],
      }),
    )
    // Who was away for a generation cannot know what others did to its partitions in it.
    const wasThere = joined.memberId === memberId && joined.generationId === generation + 1
    if (!wasThere && owned.length > 0) lose()
    memberId = joined.memberId
    const { memberAssignment } = await use((coordinator) =>
      coordinator.syncGroup({
        groupId: group,
        generationId: joined.generationId,
        memberId,
        groupAssignment: joined.leaderId === memberId ? shareOut(joined) : [],
      }),
    )
    lastContact = performance.now()
    const assigned = decodeAssignment(memberAssignment)
    await options.onAssigned(assigned)
    generation = joined.generationId
    owned = assigned
    isMember = true
    announceChange()
  }

  /** Until the group is shared out anew, or this member has to leave. Throws what a heartbeat is answered with then. */
  const stayAlive = async (): Promise<void> => {
    while (!isLeaving() && !isRejoinWanted) {
      await pause(heartbeatInterval)
      if (isLeaving()) return
      const sentAt = performance.now()
      try {
        await use((coordinator) => coordinator.heartbeat({ groupId: group, groupGenerationId: generation, memberId }))
        lastContact = sentAt
      } catch (error) {
        if (isRebalancing(error)) throw error
        options.onLog?.('warn', `Group ${group}: ${translate(error).message}`)
        await pause(FIRST_PAUSE)
      }
    }
  }

  const recover = async (error: unknown, wait: number): Promise<void> => {
    if (isLeaving()) return
    if (isForgotten(error)) {
      memberId = ''
      lose()
    }
    if (isRebalancing(error)) return
    const failure = translate(error)
    options.onLog?.('warn', `Group ${group}: ${failure.message}`)
    if (failure.kind === 'invalid') throw failure
    await pause(wait)
  }

  const takePart = async (): Promise<void> => {
    for (let wait = FIRST_PAUSE; !isLeaving();) {
      try {
        if (owned.length > 0) await options.onRebalance()
        isMember = false
        isRejoinWanted = false
        if (!isLeaving()) await join()
        wait = FIRST_PAUSE
        await stayAlive()
      } catch (error) {
        await recover(error, wait)
        wait = Math.min(wait * 2, LONGEST_PAUSE)
      }
    }
  }

  /** The brokers have given up a member that they have not heard of for so long; it must know that by itself. */
  const watch = setInterval(
    () => {
      if (!isMember || owned.length === 0 || performance.now() - lastContact <= sessionTimeout) return
      lose()
      isRejoinWanted = true
      wakeUp()
    },
    Math.min(250, sessionTimeout / 4),
  ).unref()

  const failed = createDeferred<never>()
  failed.promise.catch(() => undefined) // the consumer races it against its work
  const ended = takePart().catch((error: unknown) => {
    lose()
    failed.reject(error)
  })

  const commit = async ({ topic, partition, offset, isLost }: Commit): Promise<void> => {
    for (let wait = FIRST_PAUSE; !isLost() && !givingUp.signal.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      const change = changed.promise
      if (!isMember) {
        await Promise.race([change, delay(LONGEST_PAUSE, undefined, { ref: false })])
        continue
      }
      try {
        await use(async (coordinator) => {
          // Between the two lines nothing else runs: the commit is made as the member that owns the partition, or refused.
          if (isLost()) return
          await coordinator.offsetCommit({
            groupId: group,
            groupGenerationId: generation,
            memberId,
            topics: [{ topic, partitions: [{ partition, offset: String(offset) }] }],
          })
        })
        tellOfCommits('')
        return
      } catch (error) {
        if (isRebalancing(error)) {
          isRejoinWanted = true
          wakeUp()
          await Promise.race([change, delay(LONGEST_PAUSE, undefined, { ref: false })])
        } else {
          tellOfCommits(translate(error).message)
          await delay(wait, undefined, { ref: false })
        }
      }
    }
  }

  return {
    failed: failed.promise,

    // A network that swallows what is sent must not hold up the end.
    commit: (committed) => unlessStopped(commit(committed), givingUp.signal).catch(() => undefined),

    async leave() {
      leaving.abort()
      wakeUp()
      clearInterval(watch)
      await Promise.race([ended, delay(LEAVE_PATIENCE, undefined, { ref: false })])
      if (memberId === '') return
      const left = use((coordinator) => coordinator.leaveGroup({ groupId: group, memberId }))
      await Promise.race([left.catch(() => undefined), delay(LEAVE_PATIENCE, undefined, { ref: false })])
    },
  }
}
