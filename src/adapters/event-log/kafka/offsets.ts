import { AppError } from '../../../core/errors.ts'
import type { Offsets } from '../../../ports/event-log.ts'
import type { Connection } from './connection.ts'
import { answerOf } from './failures.ts'

/** Offsets as the brokers keep them; topics and groups by their full names. What it throws is kafkajs' own, unless said. */
export interface BrokerOffsets {
  /** The end of each partition, as far as transactions have ended. */
  ends(topic: string, partitions: readonly number[]): Promise<Offsets>
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
  const list = (topic: string, partitions: readonly number[], fromBeginning: boolean): Promise<Offsets> =>
    connection.use(async (cluster) => {
      const places = partitions.map((partition) => ({ partition }))
      const [answer] = await cluster.fetchTopicsOffset([{ topic, partitions: places, fromBeginning }])
      const found = (answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)] as const)
      return new Map(found.sort(([a], [b]) => a - b))
    })

  return {
    ends: (topic, partitions) => list(topic, partitions, false),
    beginnings: (topic, partitions) => list(topic, partitions, true),
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
