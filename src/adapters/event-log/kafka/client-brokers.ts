import type { Broker, Kafka } from 'kafkajs'
import { AppError } from '../../../core/errors.ts'

/** What kafkajs has and its types leave out. */
type ClusterWithin = { readonly brokerPool: { createBroker: (options: object) => Broker } }

/** Has every broker that the client will talk to changed by `change` first. */
export function changeBrokers(client: Kafka, change: (broker: Broker) => Broker): void {
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
    const { createBroker } = cluster.brokerPool
    cluster.brokerPool.createBroker = (brokerOptions) => change(createBroker(brokerOptions))
    return cluster
  }
}
