import { createAdaptorServer } from '@hono/node-server'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../core/errors.ts'

export type RunningServer = {
  /** Where it listens: `http://127.0.0.1:8080`. */
  readonly address: string
  /**
   * Takes no new connection, lets the requests in hand end, and resolves once all connections are closed. A client that is not
   * done after the grace is cut off: one that never sends the rest of its request would hold the process forever.
   */
  readonly stop: () => Promise<void>
}

const STOP_GRACE = 5_000

/** How long a client may take, in milliseconds: for all headers of a request, and to send the next one over the same connection. */
const LONGEST_HEADERS = 10_000
const LONGEST_IDLE = 5_000
const LONGEST_REQUEST = 60_000
/** How often clients that take longer are looked for. */
const LOOK_INTERVAL = 1_000

type App = { readonly fetch: (request: Request, connection: object) => Response | Promise<Response> }

type ServerOptions = {
  /** 127.0.0.1 unless said otherwise. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  /** Milliseconds that requests in hand get at a stop. */
  readonly stopGrace?: number
  /** Milliseconds that a client may take to send its headers, and to send a whole request; past either it gets 408 and is cut off. */
  readonly longestHeaders?: number
  readonly longestRequest?: number
}

/** Serves the app over HTTP. Throws `port-in-use` or `configuration-invalid`. */
export async function startServer(
  app: App,
  {
    host = '127.0.0.1',
    port,
    stopGrace = STOP_GRACE,
    longestRequest = LONGEST_REQUEST,
    longestHeaders = Math.min(LONGEST_HEADERS, longestRequest),
  }: ServerOptions,
): Promise<RunningServer> {
  const serverOptions = {
    headersTimeout: longestHeaders,
    requestTimeout: longestRequest,
    keepAliveTimeout: LONGEST_IDLE,
    connectionsCheckingInterval: Math.min(LOOK_INTERVAL, longestHeaders),
  }
  const server = createAdaptorServer({ fetch: (request, env) => app.fetch(request, env), serverOptions }) as Server
  await listen(server, host, port)
  const bound = server.address() as AddressInfo
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address

  let stopped: Promise<void> | undefined
  let stopping = false
  // A connection kept alive would otherwise hold the server open after its last answer.
  server.on('request', (_request, response) => {
    response.once('close', () => {
      if (stopping) setImmediate(() => server.closeIdleConnections())
    })
  })
  const stop = async (): Promise<void> => {
    stopping = true
    const closed = once(server, 'close')
    server.close()
    server.closeIdleConnections()
    const cutOff = setTimeout(() => server.closeAllConnections(), stopGrace)
    await closed
    clearTimeout(cutOff)
  }
  return { address: `http://${name}:${bound.port}`, stop: () => (stopped ??= stop()) }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    const listening = once(server, 'listening')
    server.listen(port, host)
    await listening
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'EADDRINUSE') {
      const detail = `Port ${port} on ${host} is in use: stop what listens there, or choose another port (0 takes a free one).`
      throw new AppError('port-in-use', detail, { cause: error })
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      const detail = `Cannot listen on port ${port} of ${host} (${code}): choose a port above 1023 and an address of this machine.`
      throw new AppError('configuration-invalid', detail, { cause: error })
    }
    throw error
  }
}
