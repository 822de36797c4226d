import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs'
import type { KafkaLogListener, KafkaLogOptions, SaslOptions } from './options.ts'
import { CLOSED, type Sockets } from './sockets.ts'

const CONNECTION_TIMEOUT = 3_000
const REQUEST_TIMEOUT = 10_000

/** Few and quick: what must be tried for longer is tried again by the caller, which knows when to stop. */
const retry = { retries: 2, initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 }

/** What kafkajs calls wrong and is meant so: cut connections, and an end to its endless repetitions. */
const intended = [CLOSED, 'Limiting retries for the idempotent producer']

const levelOf = (entry: LogEntry): Parameters<KafkaLogListener>[0] =>
  entry.level === logLevel.ERROR ? 'error' : entry.level === logLevel.WARN ? 'warn' : 'info'

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
    retry,
    socketFactory: sockets.factory,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const { message } = entry.log
      if (!intended.some((text) => message.includes(text))) onLog?.(levelOf(entry), `${entry.namespace}: ${message}`)
    },
    ...(sasl ? { sasl: saslOf(sasl) } : {}),
  }
  return new Kafka(config)
}
