import type { Worker } from 'node:worker_threads'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import { forgetGate, newGate, type GateState } from './exit-gate.ts'
import type { Network, NetworkFacts } from './network.ts'
import type { SessionOptions, TensorInput, TensorOutput } from './onnx-session.ts'
import { startThread } from './start-thread.ts'

export type NetworkThreadData = {
  readonly source: string | Uint8Array
  readonly threads: number | undefined
  readonly gate: GateState
}

type Feeds = Readonly<Record<string, TensorInput>>
type Results = Readonly<Record<string, TensorOutput>>

export type NetworkOrder =
  | { readonly type: 'run'; readonly id: number; readonly feeds: Feeds; readonly outputs: readonly string[] }
  | { readonly type: 'close' }

/** Answers to orders carry their number; 0 is the opening. */
export type NetworkReport =
  | { readonly type: 'opened'; readonly facts: NetworkFacts }
  | { readonly type: 'ran'; readonly id: number; readonly results: Results }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly detail: string }

type Waiting = { readonly resolve: (report: NetworkReport) => void; readonly reject: (error: AppError) => void }
/** One thread, from its start until it is closed or dies. */
type Life = {
  readonly facts: NetworkFacts
  run(feeds: Feeds, outputs: readonly string[]): Promise<Results>
  close(): Promise<void>
  hasEnded(): boolean
}

/**
 * Opens a network on a thread of its own, because ONNX Runtime holds the thread that calls it: meanwhile this one searches, decodes and
 * writes. Runs take the arrays that they are fed with over: they are empty afterwards. Throws as `openNetworkHere` does.
 *
 * Where the thread dies, what it was running fails with `not-ready` (what it was fed with had nothing to do with it), and the next
 * run opens it again, with `not-ready` where that fails. `start` stands in for `startThread`.
 */
export async function openNetworkThread(
  source: string | Uint8Array,
  { threads }: SessionOptions = {},
  start: typeof startThread = startThread,
): Promise<Network> {
  const name = typeof source === 'string' ? source : 'a network'
  const open = (): Promise<Life> => {
    const gate = newGate()
    const data = { source, threads, gate } satisfies NetworkThreadData
    const thread = start('network-thread-program', import.meta.url, data)
    thread.once('exit', () => forgetGate(gate))
    return beginLife(thread, name)
  }
  let life = open()
  let closed = false
  const { facts } = await life

  const openAgain = async (): Promise<Life> => {
    if (closed) throw modelClosed()
    try {
      const next = await open()
      if (next.facts.digest === facts.digest) return next
      await next.close()
      throw new AppError('not-ready', `${name} is another file than before; start the process again.`)
    } catch (cause) {
      const { message } = toAppError(cause)
      throw new AppError('not-ready', `The thread of ${name} died and cannot be opened again: ${message}`, { cause })
    }
  }

  const run = async (feeds: Feeds, outputs: readonly string[]): Promise<Results> => {
    if (closed) throw modelClosed()
    const known = life
    const found = await known.catch(() => null)
    if (found !== null && !found.hasEnded()) return found.run(feeds, outputs)
    // The first to notice opens it for all.
    if (life === known) life = openAgain()
    return (await life).run(feeds, outputs)
  }

  return {
    ...facts,
    run: async <Name extends string>(feeds: Feeds, outputs: readonly Name[]) =>
      (await run(feeds, outputs)) as Record<Name, TensorOutput>,
    async close() {
      closed = true
      await (await life.catch(() => null))?.close()
    },
  }
}

const modelClosed = (): AppError => new AppError('model-not-found', 'The model is closed; open it again.')

const buffersOf = (feeds: Feeds): ArrayBuffer[] => [
  ...new Set(Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer)),
]

/** Resolves once the thread has opened its network. */
async function beginLife(thread: Worker, name: string): Promise<Life> {
  const waiting = new Map<number, Waiting>()
  let orders = 0
  let closing = false
  let ended = false

  const answerTo = (id: number) =>
    new Promise<NetworkReport>((resolve, reject) => void waiting.set(id, { resolve, reject }))
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  const failure = (cause?: unknown): AppError => {
    if (closing) return modelClosed()
    return new AppError('not-ready', `The thread of ${name} died; it is opened again.`, { cause })
  }
  const end = (cause?: unknown): void => {
    ended = true
    for (const { reject } of waiting.values()) reject(failure(cause))
    waiting.clear()
  }
  thread.on('message', (report: NetworkReport) => {
    const id = report.type === 'opened' ? 0 : report.id
    const waiter = waiting.get(id)
    waiting.delete(id)
    if (report.type === 'failed') waiter?.reject(new AppError(report.code, report.detail))
    else waiter?.resolve(report)
  })
  thread.once('error', end)
  thread.once('exit', () => end())

  const opened = await answerTo(0)
  if (opened.type !== 'opened') throw new AppError('internal', `The thread of ${name} does not open it.`)
  return {
    facts: opened.facts,
    hasEnded: () => ended,
    async run(feeds, outputs) {
      if (ended) throw failure()
      const order: NetworkOrder = { type: 'run', id: ++orders, feeds, outputs }
      const answered = answerTo(order.id)
      thread.postMessage(order, buffersOf(feeds))
      const report = await answered
      return report.type === 'ran' ? report.results : {}
    },
    async close() {
      closing = true
      if (!ended) thread.postMessage({ type: 'close' } satisfies NetworkOrder)
      await exited
    },
  }
}
