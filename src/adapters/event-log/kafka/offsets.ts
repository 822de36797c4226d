import { AppError } from '../../../core/errors.ts'
import type { Offsets } from '../../../ports/event-log.ts'
import type { Connection } from './connection.ts'
import { answerOf } from './failures.ts'
import { onceLed } from './leaders.ts'

/** Offsets as the brokers keep them; topics and groups by their full names. What it throws is kafkajs' own, unless said, or `log-unavailable` for a partition
 * without a leader. */
export interface BrokerOffsets {
  /** The end of each partition, as far as transactions have ended. */
  ends(topic: string, partitions: readonly number[]): Promise<Offsets>
  /** The first record of each partition that has this time or a later one; the end where there is none. */
  at(topic: string, partitions: readonly number[], timestamp: number): Promise<Offsets>
  /** The first record of each partition that is left. */
  beginnings(topic: string, partitions: readonly number[]): Promise<Offsets>
  /** Partitions without a commit are absent. */
  committed(group: string, topic: string, partitions: readonly number[]): Promise<Offsets>
  /** Commits for a group without members; throws `group-running` where it has some. */
  commit(group: string, topic: string, offsets: Offsets): Promise<void>
}

/** What a commit from outside of a group is made as. */
const NO_MEMBER = { groupGenerationId: -1, memberId: '' }

const hasMembers = (error: unknown): boolean =>
  ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(answerOf(error) ?? '')

export function createBrokerOffsets(connection: Connection): BrokerOffsets {
  type Where = { readonly fromBeginning: boolean } | { readonly fromTimestamp: number }
  const list = (topic: string, partitions: readonly number[], where: Where): Promise<Offsets> =>
    connection.use(async (cluster) => {
      await onceLed(cluster, topic, partitions)
      const places = partitions.map((partition) => ({ partition }))
      const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions: places, ...where }])
      const found = (answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)] as const)
      return new Map(found.sort(([a], [b]) => a - b))
    })

  const ends = (topic: string, partitions: readonly number[]) => list(topic, partitions, { fromBeginning: false })

  return {
    ends,
    async at(topic, partitions, timestamp) {
      const before = await ends(topic, partitions) // asked first: what comes meanwhile is not passed over
      const found = await list(topic, partitions, { fromTimestamp: timestamp })
      return new Map([...before, ...[...found].filter(([, offset]) => offset >= 0)])
    },
    beginnings: (topic, partitions) => list(topic, partitions, { fromBeginning: true }),
    committed: (group, topic, partitions) =>
      connection.useCoordinator(group, async (coordinator) => {
        // The type wants offsets, which the request does not have.
        const places = partitions.map((partition) => ({ partition, offset: '' }))
        const { responses } = await coordinator.offsetFetch({ groupId: group, topics: [{ topic, partitions: places }] })
        return new Map(
          responses
            .flatMap((response) => response.partitions)
            .map(({ partition, offset }) => [partition, Number(offset)] as const)
            .filter(([, offset]) => offset >= 0),
        )
      }),
    commit: (group, topic, offsets) =>
      connection.useCoordinator(group, async (coordinator) => {
        const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) }))
        try {
          await coordinator.offsetCommit({ groupId: group, ...NO_MEMBER, topics: [{ topic, partitions }] })
        } catch (error) {
          if (!hasMembers(error)) throw error
          throw new AppError('group-running', `Members of ${group} run; stop them, and try again.`, { cause: error })
        }
      }),
  }
}
