import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs'
import { changeBrokers } from './client-brokers.ts'
import { restWhenIdle } from './idle-requests.ts'
import { tellingAll } from './leaderless.ts'
import type { KafkaLogOptions, SaslOptions } from './options.ts'
import { passingOn } from './passing-on.ts'
import { beginAnew } from './pooled-connections.ts'
import { CLOSED, type Sockets } from './sockets.ts'
import { tellingWhy } from './topic-refusals.ts'

const CONNECTION_TIMEOUT = 3_000
const REQUEST_TIMEOUT = 10_000

/** Few and quick: what must be tried for longer is tried again by the caller, which knows when to stop. */
const repetitions = { retries: 2, initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 }

/** kafkajs wants each mechanism as a type of its own. */
function saslOf({ mechanism, username, password }: SaslOptions): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password }
    case 'scram-sha-256':
      return { mechanism, username, password }
    case 'scram-sha-512':
      return { mechanism, username, password }
  }
}

/** A client of the brokers over sockets of its own. Nothing is connected yet. */
export function createClient(options: KafkaLogOptions, sockets: Sockets): Kafka {
  const { sasl, onLog } = options
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId ?? 'pairstream',
    ssl: options.tls ?? false,
    connectionTimeout: CONNECTION_TIMEOUT,
    authenticationTimeout: CONNECTION_TIMEOUT,
    requestTimeout: REQUEST_TIMEOUT,
    retry: { ...repetitions, retries: Math.max(repetitions.retries, options.brokers.length - 1) }, // tries each address
    socketFactory: sockets.factory,
    logLevel: logLevel.WARN,
    // What matters of it is thrown, and told once by whoever tries again; this is for those who look for a cause.
    logCreator: () => (entry) => {
      const { message } = entry.log
      // kafkajs calls a connection that was cut on purpose wrong.
      if (!message.includes(CLOSED)) onLog?.('info', `${entry.namespace}: ${message}`)
    },
    ...(sasl ? { sasl: saslOf(sasl) } : {}),
  }
  const client = new Kafka(config)
  changeBrokers(client, {
    broker: (broker) => passingOn(tellingWhy(tellingAll(broker))),
    connection(connection) {
      restWhenIdle(connection)
      beginAnew(connection)
    },
  })
  return client
}
