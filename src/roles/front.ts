import { createProbe } from '../api/probe.ts'
import { startServer } from '../api/server.ts'
import type { Config } from '../config.ts'

type App = { readonly fetch: (request: Request) => Response | Promise<Response> }

/** The HTTP server of a process, up before its dependencies are, so that whoever watches it is told what it waits for. */
export type Front = {
  readonly address: string
  /** Tells what the start waits for, from now on: `reasons` is asked whenever somebody wants to know. */
  waitsFor(reasons: () => Promise<readonly string[]>): void
  /** Answers with `app` from now on. */
  show(app: App): void
  stop(): Promise<void>
}

/** Listens at once. Throws `port-in-use` or `configuration-invalid`. */
export async function startFront({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): Promise<Front> {
  let waitsFor = async (): Promise<readonly string[]> => []
  let shown: App = createProbe({ reasonsNotReady: async () => ['starting', ...(await waitsFor())], registry: null })
  const server = await startServer({ fetch: (request) => shown.fetch(request) }, { host: HOST, port: PORT })
  return {
    address: server.address,
    waitsFor: (reasons) => void (waitsFor = reasons),
    show: (app) => void (shown = app),
    stop: () => server.stop(),
  }
}
