import { Hono } from 'hono'
import { startServer } from '../../../src/api/server.ts'

/** A request that was not passed on yet. */
export type HeldRequest = {
  readonly body: string
  /** Passes it on, whoever waits for the answer or not; the status of the answer. */
  release(): Promise<number>
}

/** An HTTP server that passes everything on, and can be told to hold one request back. */
export type HoldingProxy = {
  readonly address: string
  /** Holds the next request that is such. */
  hold(isSuch: (method: string, path: string) => boolean): Promise<HeldRequest>
  stop(): Promise<void>
}

export async function startHoldingProxy(target: string): Promise<HoldingProxy> {
  let trap: { readonly isSuch: (method: string, path: string) => boolean; catch(held: HeldRequest): void } | null = null
  const app = new Hono()
  app.all('*', async ({ req }) => {
    const { pathname, search } = new URL(req.url)
    const body = await req.text()
    const pass = () =>
      fetch(`${target}${pathname}${search}`, {
        method: req.method,
        headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
        ...(body === '' ? {} : { body }),
      })
    const answer = async (response: Response) =>
      new Response(await response.text(), { status: response.status, headers: { 'content-type': 'application/json' } })
    if (trap?.isSuch(req.method, pathname) !== true) return answer(await pass())
    const caught = trap
    trap = null
    const passed = new Promise<Response>((resolve, reject) => {
      caught.catch({
        body,
        async release() {
          const response = await pass()
          resolve(response.clone())
          return response.status
        },
      })
      req.raw.signal.addEventListener('abort', () => reject(new Error('nobody waits any more')))
    })
    return answer(await passed)
  })
  const server = await startServer(app, { port: 0 })
  return {
    address: server.address,
    hold: (isSuch) => new Promise((resolve) => (trap = { isSuch, catch: resolve })),
    stop: () => server.stop(),
  }
}
