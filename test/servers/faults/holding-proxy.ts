import { Hono } from 'hono'
import { startServer } from '../../../src/api/server.ts'
import type { PointKind } from '../../../src/ports/vector-index.ts'

/** A request that was not passed on yet, or whose answer was not. */
export type HeldRequest = {
  readonly body: string
  /** Passes it on, whoever waits for the answer or not; the status of the answer. */
  release(): Promise<number>
}

export type Trap = {
  readonly isSuch: (method: string, path: string, body: string) => boolean
  /** The request on its way to the server, or what the server answers to it. */
  readonly holds: 'request' | 'answer'
}

const isPointsOf = (kind: string, path: string, end = ''): boolean =>
  new RegExp(`/[^/]*${kind}[^/]*/points${end}$`).test(path)

/** Whether a request writes points of a kind to Qdrant. */
export const isUpsertOf =
  (kind: PointKind): Trap['isSuch'] =>
  (method, path) =>
    method === 'PUT' && isPointsOf(kind, path)

/** Whether a request removes points of a kind from Qdrant. */
export const isRemovalOf =
  (kind: PointKind): Trap['isSuch'] =>
  (method, path) =>
    method === 'POST' && isPointsOf(kind, path, '/delete')

/** Whether a request asks Qdrant for points by their ids. */
export const isLookUpOf =
  (kind: PointKind): Trap['isSuch'] =>
  (method, path) =>
    method === 'POST' && isPointsOf(kind, path)

/** An HTTP server that passes everything on, and can be told to hold one request or answer back. */
export type HoldingProxy = {
  readonly address: string
  /** Holds the next that is such. */
  hold(trap: Trap): Promise<HeldRequest>
  stop(): Promise<void>
}

export async function startHoldingProxy(target: string): Promise<HoldingProxy> {
  let trap: (Trap & { catch(held: HeldRequest): void }) | null = null
  const app = new Hono()
  app.all('*', async ({ req }) => {
    const { pathname, search } = new URL(req.url)
    const body = await req.text()
    const pass = () =>
      fetch(`${target}${pathname}${search}`, {
        method: req.method,
        headers: {
          'content-type': 'application/json',
          'accept-encoding': 'identity',
          'api-key': req.header('api-key') ?? '',
        },
        ...(body === '' ? {} : { body }),
      })
    const answer = async (response: Response) =>
      new Response(await response.text(), { status: response.status, headers: { 'content-type': 'application/json' } })
    if (trap?.isSuch(req.method, pathname, body) !== true) return answer(await pass())
    const caught = trap
    trap = null
    const answered = caught.holds === 'answer' ? await pass() : null
    const passed = new Promise<Response>((resolve) => {
      caught.catch({
        body,
        async release() {
          const response = answered ?? (await pass())
          resolve(response.clone())
          return response.status
        },
      })
      // Nobody waits for the answer any more.
      req.raw.signal.addEventListener('abort', () => resolve(new Response(null, { status: 499 })))
    })
    return answer(await passed)
  })
  const server = await startServer(app, { port: 0 })
  return {
    address: server.address,
    hold: (wanted) => new Promise((resolve) => (trap = { ...wanted, catch: resolve })),
    stop: () => server.stop(),
  }
}
