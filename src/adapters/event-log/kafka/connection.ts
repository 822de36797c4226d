import { setTimeout as delay } from 'node:timers/promises'
import type { Broker, Cluster } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import { createClient } from './client.ts'
import { isConnectionFailure } from './failures.ts'
import type { KafkaLogOptions } from './options.ts'
import { createSockets, type Sockets } from './sockets.ts'

/**
 * A connection to the cluster that mends itself: one that failed is thrown away whole, and the next use begins anew from the
 * first brokers. What a use throws is passed on as it is.
 */
export interface Connection {
  use<R>(work: (cluster: Cluster) => Promise<R>): Promise<R>
  /** The same with the broker that keeps the group's members and offsets. */
  useCoordinator<R>(group: string, work: (coordinator: Broker) => Promise<R>): Promise<R>
  /** Cuts the connection: what is on its way fails. Later uses throw `log-unavailable`. */
  close(): void
}

/** One that may be thrown away at will. */
export interface RenewableConnection extends Connection {
  /** Cuts what is open: what is on its way fails, and the next use begins anew. */
  renew(): void
}

type Opened = {
  readonly cluster: Promise<Cluster>
  readonly sockets: Sockets
  readonly coordinators: Map<string, Broker>
}

/** kafkajs hands its cluster, a public type with the requests that its consumer does not offer, to partition assigners alone. */
function clusterOf(options: KafkaLogOptions, sockets: Sockets): Cluster {
  let captured: Cluster | undefined
  createClient(options, sockets).consumer({
    groupId: 'never-joined',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      ({ cluster }) => {
        captured = cluster
        return {
          name: 'none',
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
        }
      },
    ],
  })
  if (captured === undefined) throw new AppError('internal', 'This version of kafkajs is not supported; install 2.2.')
  return captured
}

const COORDINATOR_OF_GROUP = 0
/** What kafkajs has and its types leave out. */
type BrokerWithin = Broker & { findGroupCoordinator: (request: object) => Promise<unknown> }

/** kafkajs asks all brokers and drops what they answer, so where none tells, one is asked for the reason. */
async function findCoordinator(cluster: Cluster, groupId: string): Promise<Broker> {
  try {
    return await cluster.findGroupCoordinator({ groupId })
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'KafkaJSGroupCoordinatorNotFound') throw error
    const broker = (await cluster.findControllerBroker()) as BrokerWithin
    await broker.findGroupCoordinator({ groupId, coordinatorType: COORDINATOR_OF_GROUP })
    throw error
  }
}

/** Nothing is connected before the first use. `topics` are the full names of those that it will be used for. */
export function createConnection(options: KafkaLogOptions, topics: readonly string[]): RenewableConnection {
  let current: Opened | null = null
  let closed = false

  const open = (): Opened => {
    const sockets = createSockets()
    const connect = async (): Promise<Cluster> => {
      const cluster = clusterOf(options, sockets)
      await cluster.connect()
      await cluster.addMultipleTargetTopics([...topics])
      return cluster
    }
    return { cluster: connect(), sockets, coordinators: new Map() }
  }

  const retire = (opened: Opened): void => {
    opened.sockets.cut()
    if (current === opened) current = null
  }

  const renew = (): void => {
    if (current !== null) retire(current)
  }

  const within = async <R>(work: (opened: Opened, cluster: Cluster) => Promise<R>): Promise<R> => {
    if (closed) throw new AppError('log-unavailable', 'The log is closed.')
    const opened = (current ??= open())
    const cluster = await opened.cluster.catch((error: unknown) => {
      retire(opened) // whatever it was: what never was connected is not kept
      throw error
    })
    try {
      return await work(opened, cluster)
    } catch (error) {
      if (isConnectionFailure(error)) retire(opened)
      throw error
    }
  }

  return {
    use: (work) => within((_, cluster) => work(cluster)),
    useCoordinator: (group, work) =>
      within(async ({ coordinators }, cluster) => {
        const coordinator = coordinators.get(group) ?? (await findCoordinator(cluster, group))
        coordinators.set(group, coordinator)
        return work(coordinator)
      }),
    renew,
    close() {
      closed = true
      renew()
    },
  }
}

/** How long a single question is asked again, in milliseconds: a partition that moves has a new leader by then. */
const PATIENCE = 3_000
const PAUSE = 50

/** For single questions, which nobody else asks again: each use is repeated for a while. */
export function patient(connection: Connection): Connection {
  const repeated = async <R>(use: () => Promise<R>): Promise<R> => {
    const until = performance.now() + PATIENCE
    for (;;) {
      try {
        return await use()
      } catch (error) {
        if (!isConnectionFailure(error) || performance.now() > until) throw error
      }
      await delay(PAUSE)
    }
  }
  return {
    use: (work) => repeated(() => connection.use(work)),
    useCoordinator: (group, work) => repeated(() => connection.useCoordinator(group, work)),
    close: () => connection.close(),
  }
}
