import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServingOrder, ServingReady, ServingReport, ServingRequest } from './serving-messages.ts'

const program = fileURLToPath(new URL('./serving-process.ts', import.meta.url))

type Kind = Exclude<ServingReport['type'], 'failed'>

export type ServingProcess = {
  readonly ready: ServingReady
  send(request: ServingRequest): void
  /** The next report of the kind that has not been taken yet. Rejects when the process fails or ends. */
  next<K extends Kind>(kind: K): Promise<Extract<ServingReport, { type: K }>>
  /** Whether a report of the kind has come. */
  has(kind: Kind): boolean
  stop(): Promise<void>
}

/** Starts the product's roles in a process of their own, so that who measures does not slow down what is measured. */
export async function startServing(order: ServingOrder): Promise<ServingProcess> {
  const child = fork(program, [JSON.stringify(order)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const reports: ServingReport[] = []
  let failure: Error | null = null
  const exited = once(child, 'exit')
  child.on('message', (message) => {
    const report = message as ServingReport
    if (report.type === 'failed') failure = new Error(report.detail)
    reports.push(report)
  })

  const next = async <K extends Kind>(kind: K): Promise<Extract<ServingReport, { type: K }>> => {
    for (;;) {
      const at = reports.findIndex(({ type }) => type === kind)
      if (at >= 0) return reports.splice(at, 1)[0] as Extract<ServingReport, { type: K }>
      if (failure !== null) throw failure
      if (child.exitCode !== null) throw new Error('The serving process has ended.')
      await Promise.race([once(child, 'message'), exited])
    }
  }

  return {
    ready: await next('ready'),
    send: (request) => void child.send(request),
    next,
    has: (kind) => reports.some(({ type }) => type === kind),
    async stop() {
      if (child.connected) child.send({ type: 'stop' } satisfies ServingRequest)
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await exited
      clearTimeout(timer)
    },
  }
}
