import type { Broker, Kafka } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'
import type { PooledConnection } from './pooled-connections.ts'

/** What kafkajs has and its types leave out. */
type ClusterWithin = {
  readonly brokerPool: {
    createBroker: (options: object) => Broker
    readonly connectionPoolBuilder: {
      build: (options?: object) => Promise<{ readonly pool: readonly PooledConnection[] }>
    }
  }
}

export type BrokerChanges = {
  readonly broker: (broker: Broker) => Broker
  /** Of a broker, as often as they are made. */
  readonly connection: (connection: PooledConnection) => void
}

/** Has every broker that the client will talk to, and each connection to one, changed first. */
export function changeBrokers(client: Kafka, change: BrokerChanges): void {
  const creation = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  )
  if (creation === undefined) {
    throw new AppError('internal', 'This version of kafkajs is not supported; install 2.2.')
  }
  const within = client as unknown as Record<symbol, (options: object) => ClusterWithin>
  const createCluster = within[creation]
  within[creation] = (options) => {
    const cluster = createCluster?.(options) as ClusterWithin
    const { brokerPool } = cluster
    const { createBroker, connectionPoolBuilder } = brokerPool
    const { build } = connectionPoolBuilder
    brokerPool.createBroker = (brokerOptions) => change.broker(createBroker(brokerOptions))
    connectionPoolBuilder.build = async (place) => {
      const built = await build(place)
      built.pool.forEach(change.connection)
      return built
    }
    return cluster
  }
}
