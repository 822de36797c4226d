import { connect, isIP, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** The sockets of one client, which can be cut all at once. */
export interface Sockets {
  readonly factory: ISocketFactory
  /**
   * Destroys every socket and refuses new ones. kafkajs waits for the requests on their way before it disconnects; this ends
   * them.
   */
  cut(): void
}

/** What requests of a client that was cut fail with. */
export const CLOSED = 'the client was closed on purpose'

const KEEP_ALIVE_DELAY = 60_000

export function createSockets(): Sockets {
  const open = new Set<Socket>()
  let isCut = false

  return {
    // kafkajs' type promises TLS options; without TLS it passes none.
    factory({ host, port, ssl, onConnect }: Omit<Parameters<ISocketFactory>[0], 'ssl'> & { ssl?: object | null }) {
      if (isCut) throw new Error(CLOSED)
      const servername = isIP(host) === 0 ? { servername: host } : {}
      const socket = ssl
        ? connectSecurely({ host, port, ...servername, ...ssl }, onConnect)
        : connect({ host, port }, onConnect)
      socket.setKeepAlive(true, KEEP_ALIVE_DELAY)
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      // kafkajs ends a socket once nothing is on its way over it, and connects anew: what it heard of the old one from a broker that
      // is back it would take for an event of the new one.
      return Object.assign(socket, { end: () => socket.destroy() })
    },
    cut() {
      isCut = true
      for (const socket of open) socket.destroy(new Error(CLOSED))
    },
  }
}
