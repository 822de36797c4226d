import { setTimeout as delay } from 'node:timers/promises'
import type { Broker, Cluster } from 'kafkajs'
import { withDeadline } from '../../../core/deadline.ts'
import { AppError } from '../../../core/errors.ts'
import { answerOf, isConnectionFailure } from './failures.ts'
import { cutOff } from './pooled-connections.ts'

/** What kafkajs has for a leader where there is none. */
const NOBODY = '-1'

/** Who leads the partition, by the last that was heard; null where nobody does, or nobody has heard of it. */
export function leaderOf(cluster: Cluster, topic: string, partition: number): string | null {
  const [leader = NOBODY] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  return leader === NOBODY ? null : leader
}

/** What a partition without a leader is said to lack. */
export const noLeader = (topic: string, partitions: readonly number[]): string =>
  `The topic ${topic} has no leader for partition ${partitions.join(', ')}: start the brokers that keep it.`

/** How long a single question waits for a leader, in milliseconds: where there can be one, it is there by then. */
const PATIENCE = 3_000
const PAUSE = 200

/** Resolves once each of the partitions has a leader. Throws `log-unavailable` where one still has none after some seconds. */
export async function onceLed(cluster: Cluster, topic: string, partitions: readonly number[]): Promise<void> {
  const until = performance.now() + PATIENCE
  for (;;) {
    const leaderless = partitions.filter((partition) => leaderOf(cluster, topic, partition) === null)
    if (leaderless.length === 0) return
    if (performance.now() > until) throw new AppError('log-unavailable', noLeader(topic, leaderless))
    await delay(PAUSE)
    await cluster.refreshMetadata()
  }
}

/** How long whoever is asked may take to say who leads now, in milliseconds. */
const METADATA_PATIENCE = 3_000

/** Asks a broker who leads. Throws `log-unavailable` where that one does not say so in time. */
export const askWhoLeads = (cluster: Cluster): Promise<void> =>
  withDeadline(
    cluster.refreshMetadata(),
    METADATA_PATIENCE,
    () => new AppError('log-unavailable', 'No broker says who leads.'),
  )

/**
 * Works with the broker of this number. Null when all went well, else why that one is no good for now, once another has said who leads.
 * Throws the failure where nobody says so: then the whole connection is no good.
 */
export async function workWith(
  cluster: Cluster,
  nodeId: string,
  work: (broker: Broker) => Promise<void>,
): Promise<unknown> {
  let broker: Broker | undefined
  try {
    broker = await cluster.findBroker({ nodeId })
    await work(broker)
    return null
  } catch (error) {
    if (!isConnectionFailure(error)) return error
    // One that has answered may be asked who leads.
    if (broker !== undefined && answerOf(error) === null) await cutOff(broker)
    await askWhoLeads(cluster).catch(() => Promise.reject(error as Error))
    return error
  }
}
