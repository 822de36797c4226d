import { requireCredentialsFor } from '../access-settings.ts'
import { createProbe } from '../api/probe.ts'
import { startServer } from '../api/server.ts'
import type { Config } from '../config.ts'

type App = { readonly fetch: (request: Request, connection?: object) => Response | Promise<Response> }

/** The HTTP server of a process, up before its dependencies are, so that whoever watches it is told what it waits for. */
export type Front = {
  readonly address: string
  /** Tells what the start waits for, from now on: `reasons` is asked whenever somebody wants to know. */
  waitsFor(reasons: () => Promise<readonly string[]>): void
  /** Answers with `app` from now on. */
  show(app: App): void
  stop(): Promise<void>
}

type Listening = Pick<Config, 'HOST' | 'PORT' | 'access' | 'REQUEST_SECONDS'>

/** Where the server of a process listens. Throws `configuration-invalid` where others could reach it and nobody is asked who they are. */
export function listening({ HOST, PORT, access, REQUEST_SECONDS }: Listening) {
  requireCredentialsFor(HOST, access)
  return { host: HOST, port: PORT, longestRequest: REQUEST_SECONDS * 1_000 }
}

/** Listens at once. Throws `port-in-use` or `configuration-invalid`. */
export async function startFront(config: Listening): Promise<Front> {
  let waitsFor = async (): Promise<readonly string[]> => []
  const reasonsNotReady = async () => ['starting', ...(await waitsFor())]
  let shown: App = createProbe({ reasonsNotReady, registry: null })
  const fetch: App['fetch'] = (request, connection) => shown.fetch(request, connection)
  const server = await startServer({ fetch }, listening(config))
  return {
    address: server.address,
    waitsFor: (reasons) => void (waitsFor = reasons),
    show: (app) => void (shown = app),
    stop: () => server.stop(),
  }
}
