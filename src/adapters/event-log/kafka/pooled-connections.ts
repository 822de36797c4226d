import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Broker } from 'kafkajs'

/** One of the connections that kafkajs keeps to a broker: what it has and its types leave out. */
export type PooledConnection = {
  readonly requestQueue: {
    /** In milliseconds. */
    requestTimeout: number
    readonly pending: readonly unknown[]
    scheduleCheckPendingRequests: () => void
  }
  readonly isConnected: () => boolean
  connect: () => Promise<unknown>
  socket?: Socket
  /** What has come of an answer that is not there as a whole. */
  chunks: Buffer[]
  bytesBuffered: number
  bytesNeeded: number
}

type Pool = { readonly connectionTimeout: number; readonly pool: readonly PooledConnection[] }
type BrokerWithin = Broker & { readonly connectionPool: Pool }

/** kafkajs may replace it after a refused sign-in. */
export const poolOf = (broker: Broker): Pool => (broker as BrokerWithin).connectionPool

/** The four bytes that say how long an answer is. */
const LENGTH_BYTES = 4

/**
 * Begins each life of the connection with nothing read, and with one socket. kafkajs keeps what it has of an answer that was cut off, takes
 * the next one for its rest, and reads lengths out of the middle of records from then on; and where two want it at once it opens two.
 */
export function beginAnew(connection: PooledConnection): void {
  const { connect } = connection
  let connecting: Promise<unknown> | null = null
  const begin = async (): Promise<unknown> => {
    connection.socket?.destroy()
    Object.assign(connection, { chunks: [], bytesBuffered: 0, bytesNeeded: LENGTH_BYTES })
    return Reflect.apply(connect, connection, [])
  }
  connection.connect = async () => {
    if (connection.isConnected()) return true
    return (connecting ??= begin().finally(() => (connecting = null)))
  }
}

/**
 * Ends the connections to a broker with all that is on its way over them, which fails. kafkajs would wait for its answers, and take the
 * broker for connected until they have come.
 */
export async function cutOff(broker: Broker): Promise<void> {
  for (const { socket } of poolOf(broker).pool) socket?.destroy(new Error('The broker was given up.'))
  await nextTurn()
}
