import type { ConnectionOptions } from 'node:tls'
import type { WriteQueueLimits } from '../write-queue.ts'

export type KafkaLogOptions = {
  /** `host:port` of brokers to begin with; the others are learned from them. */
  readonly brokers: readonly string[]
  readonly registry: {
    /** With the base path of its Confluent-compatible interface, if it has one. */
    readonly url: string
    readonly username?: string | null
    readonly password?: string | null
  }
  /** How many partitions `pairs` and the other wide topics have; fixed when they are created. */
  readonly partitions: number
  /** Put before the names of topics and groups, so that several installations can share a cluster. Default: nothing. */
  readonly prefix?: string
  /** How the brokers know this program in their logs. */
  readonly clientId?: string
  /** On how many brokers a record is kept, and how many must have it before it is acknowledged. Default 3 and 2. */
  readonly replication?: { readonly factor: number; readonly minimumInSync: number }
  /** Whether the brokers speak TLS; an object names certificates. */
  readonly tls?: boolean | ConnectionOptions
  readonly sasl?: SaslOptions | null
  /** A member of a group that is silent for this many milliseconds loses its partitions. Default 30 s. */
  readonly sessionTimeout?: number
  /** Of appends that wait. Default: 10 s, 10,000 records, 256 MB. */
  readonly limits?: Partial<WriteQueueLimits>
  /** Told of failures that are waited out (`warn`), and what the client library has to say (`info`). */
  readonly onLog?: KafkaLogListener
  /** How long a record waits for a schema that the registry does not know before it is given up, in ms. Default 30 s. */
  readonly schemaPatience?: number
  /** Takes the cluster as it is: makes no topics, registers no schemas, appends nothing. Default: false. */
  readonly readOnly?: boolean
  /** Opens only a log that somebody has begun: where there is no topic at all, that is `not-ready`, and none is made. Default: false. */
  readonly mustExist?: boolean
  /** The folder with the Avro schemas. Default: those of this program. */
  readonly schemas?: URL
}

export type SaslOptions = {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export type KafkaLogListener = (level: 'warn' | 'info', message: string) => void

export const defaultReplication = { factor: 3, minimumInSync: 2 }
export const defaultSessionTimeout = 30_000
