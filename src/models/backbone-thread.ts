import type { Worker } from 'node:worker_threads'
import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import type { Backbone, BackboneOptions, BackboneOutput } from './backbone.ts'
import { forgetGate, newGate, type GateState } from './exit-gate.ts'
import { startThread } from './start-thread.ts'

export type BackboneThreadData = {
  readonly folder: string
  readonly options: BackboneOptions
  readonly gate: GateState
}

export type BackboneOrder =
  | {
      readonly type: 'run'
      readonly id: number
      readonly pixels: readonly Float32Array[]
      readonly output: BackboneOutput
    }
  | { readonly type: 'close' }

/** Answers to orders carry their number; 0 is the opening. */
export type BackboneReport =
  | { readonly type: 'opened'; readonly facts: Facts }
  | { readonly type: 'ran'; readonly id: number; readonly features: Float32Array[] }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly detail: string }

type Waiting = { readonly resolve: (report: BackboneReport) => void; readonly reject: (error: AppError) => void }
type Facts = Pick<Backbone, 'id' | 'featureWidth' | 'featureMap' | 'preprocessing'>
/** One thread, from its start until it is closed or dies. */
type Life = Pick<Backbone, 'run' | 'close'> & { readonly facts: Facts; readonly hasEnded: () => boolean }

/**
 * Opens a backbone on a thread of its own, because ONNX Runtime holds the thread that calls it: meanwhile this one searches, decodes and
 * writes. Runs take the arrays of pixels over: they are empty afterwards. Throws as `openBackbone` does.
 *
 * Where the thread dies, what it was running fails with `not-ready` (all pixels have one size, so no picture is at fault), and the next
 * run opens it again, with `not-ready` where that fails. `start` stands in for `startThread`.
 */
export async function openBackboneThread(
  folder: string,
  options: BackboneOptions = {},
  start: typeof startThread = startThread,
): Promise<Backbone> {
  const open = (): Promise<Life> => {
    const gate = newGate()
    const data = { folder, options, gate } satisfies BackboneThreadData
    const thread = start('backbone-thread-program', import.meta.url, data)
    thread.once('exit', () => forgetGate(gate))
    return beginLife(thread)
  }
  let life = open()
  let closed = false
  const { facts } = await life

  const openAgain = async (): Promise<Life> => {
    if (closed) throw modelClosed()
    try {
      const next = await open()
      if (next.facts.id === facts.id) return next
      await next.close()
      throw new AppError('not-ready', `The backbone in ${folder} is another than before; start the process again.`)
    } catch (cause) {
      const { message } = toAppError(cause)
      throw new AppError('not-ready', `The thread of the backbone died and cannot be opened again: ${message}`, {
        cause,
      })
    }
  }

  return {
    ...facts,
    async run(pixels, output) {
      if (closed) throw modelClosed()
      const known = life
      const found = await known.catch(() => null)
      if (found !== null && !found.hasEnded()) return found.run(pixels, output)
      // The first to notice opens it for all.
      if (life === known) life = openAgain()
      return (await life).run(pixels, output)
    },
    async close() {
      closed = true
      await (await life.catch(() => null))?.close()
    },
  }
}

const modelClosed = (): AppError => new AppError('model-not-found', 'The model is closed; open it again.')

/** Resolves once the thread has opened its backbone. */
async function beginLife(thread: Worker): Promise<Life> {
  const waiting = new Map<number, Waiting>()
  let orders = 0
  let closing = false
  let ended = false

  const answerTo = (id: number) =>
    new Promise<BackboneReport>((resolve, reject) => void waiting.set(id, { resolve, reject }))
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  const failure = (cause?: unknown): AppError => {
    if (closing) return modelClosed()
    return new AppError('not-ready', 'The thread of the backbone died; it is opened again.', { cause })
  }
  const end = (cause?: unknown): void => {
    ended = true
    for (const { reject } of waiting.values()) reject(failure(cause))
    waiting.clear()
  }
  thread.on('message', (report: BackboneReport) => {
    const id = report.type === 'opened' ? 0 : report.id
    const waiter = waiting.get(id)
    waiting.delete(id)
    if (report.type === 'failed') waiter?.reject(new AppError(report.code, report.detail))
    else waiter?.resolve(report)
  })
  thread.once('error', end)
  thread.once('exit', () => end())

  const opened = await answerTo(0)
  if (opened.type !== 'opened') throw new AppError('internal', 'The thread of the backbone does not open it.')
  return {
    facts: opened.facts,
    hasEnded: () => ended,
    async run(pixels, output = 'features') {
      if (ended) throw failure()
      const order: BackboneOrder = { type: 'run', id: ++orders, pixels, output }
      const answered = answerTo(order.id)
      thread.postMessage(order, [...new Set(pixels.map(({ buffer }) => buffer as ArrayBuffer))])
      const report = await answered
      return report.type === 'ran' ? report.features : []
    },
    async close() {
      closing = true
      if (!ended) thread.postMessage({ type: 'close' } satisfies BackboneOrder)
      await exited
    },
  }
}
