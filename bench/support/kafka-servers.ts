import { join } from 'node:path'
import type { KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import { startKafka } from '../../test/servers/kafka.ts'
import { startRegistry } from '../../test/servers/registry.ts'
import type { StartedServer } from '../../test/servers/start-servers.ts'
import { progress } from './machine.ts'

/** A broker and a schema registry, alone on the machine. */
export type KafkaServers = {
  readonly brokers: string
  readonly registry: string
  stop(): Promise<void>
}

/** Starts Kafka and the registry with their data in `folder`; the first time they are downloaded, which takes some minutes. */
export async function startKafkaServers(folder: string): Promise<KafkaServers> {
  const started: StartedServer[] = []
  const stop = async (): Promise<void> => {
    for (const server of started.toReversed()) await server.stop()
  }
  try {
    started.push(await startKafka(join(folder, 'kafka')), await startRegistry(join(folder, 'registry')))
  } catch (error) {
    await stop()
    throw error
  }
  const [brokers = '', registry = ''] = started.map(({ address }) => address)
  progress(`Kafka listens at ${brokers}, the schema registry at ${registry}`)
  return { brokers, registry, stop }
}

/** Options of a log whose topics nobody else uses. */
export const logOptions = (
  { brokers, registry }: Pick<KafkaServers, 'brokers' | 'registry'>,
  prefix: string,
  partitions: number,
): KafkaLogOptions => ({
  brokers: [brokers],
  registry: { url: registry },
  partitions,
  prefix,
  replication: { factor: 1, minimumInSync: 1 },
})

/** The same as settings of a process of the product. */
export const logSettings = ({ brokers, registry }: KafkaServers, prefix: string, partitions: number) => ({
  EVENT_LOG_URL: `kafka://${brokers}`,
  SCHEMA_REGISTRY_URL: registry,
  KAFKA_PREFIX: prefix,
  KAFKA_REPLICATION: 1,
  KAFKA_MIN_IN_SYNC: 1,
  PARTITIONS: partitions,
})
