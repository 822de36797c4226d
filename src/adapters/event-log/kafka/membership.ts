import { setTimeout as delay } from 'node:timers/promises'
import type { RenewableConnection } from './connection.ts'
import { createDeferred } from './deferred.ts'
import { answerOf, translate } from './failures.ts'
import { createGroupCommits, isOutdated, type Commit } from './group-commits.ts'
import {
  PROTOCOL_NAME,
  askToJoin,
  decodeAssignment,
  decodeMember,
  encodeAssignment,
  encodeMember,
  type GroupCoordinator,
  type JoinedGroup,
} from './group-protocol.ts'
import type { KafkaLogListener } from './options.ts'
import { assignPartitions, type OwnedPartition } from './sticky-assignment.ts'
import { toldOnce } from './told-once.ts'

export type MembershipOptions = {
  readonly connection: RenewableConnection
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

/**
 * A member of a consumer group, kept alive apart from any work: heartbeats go on however long a handler takes. kafkajs' own
 * consumer ties the two together, and repeats a commit in a later generation in which the partition may be another's.
 */
export interface Membership {
  /** Resolves once it is committed, or must not be: the partition is lost, or the brokers do not answer while the consumer ends. */
  commit(commit: Commit): Promise<void>
  /** Leaves the group, so that others take over at once. */
  leave(): Promise<void>
  /** Rejects when the brokers do not let it become a member, with `configuration-invalid`; once it was one, that is waited out. */
  readonly failed: Promise<never>
}

const LONGEST_HEARTBEAT_INTERVAL = 1_000
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000
/** How long each step of leaving may take when the brokers do not answer. */
const LEAVE_PATIENCE = 2_000

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
  let wasMember = false
  let isMember = false
  /** A request of this member waits for the other members, and whatever is sent over its connection waits behind it. */
  let isJoining = false
  let isRejoinWanted = false
  let wakeUp: () => void = () => undefined
  let changed = createDeferred()

  const tell = toldOnce((state) => options.onLog?.('warn', `Group ${group}: ${state}`))

  const use = <R>(work: (coordinator: GroupCoordinator) => Promise<R>): Promise<R> =>
    connection.useCoordinator(group, (coordinator) => work(coordinator as GroupCoordinator))

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

  const askForPlace = (): Promise<JoinedGroup> => {
    const groupProtocols = [{ name: PROTOCOL_NAME, metadata: encodeMember(topics, owned, generation) }]
    const request = { groupId: group, sessionTimeout, rebalanceTimeout: sessionTimeout, memberId, groupProtocols }
    return use((coordinator) => askToJoin(coordinator, request))
  }

  const askForShare = (joined: JoinedGroup) =>
    use((coordinator) =>
      coordinator.syncGroup({
        groupId: group,
        generationId: joined.generationId,
        memberId,
        groupAssignment: joined.leaderId === memberId ? shareOut(joined) : [],
      }),
    )

  /** Becomes a member of the next generation. */
  const join = async (): Promise<void> => {
    const joined = await askForPlace()
    // Who was away for a generation cannot know what others did to its partitions in it.
    const wasThere = joined.memberId === memberId && joined.generationId === generation + 1
    if (!wasThere && owned.length > 0) lose()
    memberId = joined.memberId
    lastContact = performance.now()
    const { memberAssignment } = await askForShare(joined)
    lastContact = performance.now()
    const assigned = decodeAssignment(memberAssignment)
    await options.onAssigned(assigned)
    generation = joined.generationId
    owned = assigned
    isMember = true
    wasMember = true
    tell('')
    announceChange()
  }

  const joinWithId = async (): Promise<void> => {
    if (memberId === '') ({ memberId } = await askForPlace())
    if (isLeaving()) return
    isJoining = true
    try {
      await join()
    } finally {
      isJoining = false
    }
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
        tell('')
      } catch (error) {
        if (answerOf(error) === 'REBALANCE_IN_PROGRESS') lastContact = sentAt // it counts for the brokers, too
        if (isOutdated(error)) throw error
        tell(translate(error).message)
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
    if (isOutdated(error)) return
    const failure = translate(error)
    if (failure.kind === 'invalid' && !wasMember) throw failure
    tell(failure.message)
    await pause(wait)
  }

  const takePart = async (): Promise<void> => {
    for (let wait = FIRST_PAUSE; !isLeaving();) {
      try {
        if (owned.length > 0) await options.onRebalance()
        isMember = false
        isRejoinWanted = false
        if (!isLeaving()) await joinWithId()
        wait = FIRST_PAUSE
        await stayAlive()
      } catch (error) {
        await recover(error, wait)
        wait = Math.min(wait * 2, LONGEST_PAUSE)
      }
    }
  }

  /**
   * The brokers have given up a member that they have not heard of for so long; it must know that by itself. While the group is shared
   * out anew they wait as long for each, and answer by then.
   */
  const watch = setInterval(
    () => {
      if (owned.length === 0 || performance.now() - lastContact <= sessionTimeout) return
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

  return {
    failed: failed.promise,

    commit: createGroupCommits({
      group,
      use,
      member: () => (isMember ? { memberId, generation } : null),
      changed: () => changed.promise,
      onOutdated() {
        isRejoinWanted = true
        wakeUp()
      },
      stopping: options.stopping,
      onLog: options.onLog,
    }),

    async leave() {
      leaving.abort()
      wakeUp()
      clearInterval(watch)
      if (isJoining) connection.renew()
      await Promise.race([ended, delay(LEAVE_PATIENCE, undefined, { ref: false })])
      if (memberId === '') return
      const left = use((coordinator) => coordinator.leaveGroup({ groupId: group, memberId }))
      await Promise.race([left.catch(() => undefined), delay(LEAVE_PATIENCE, undefined, { ref: false })])
    },
  }
}
