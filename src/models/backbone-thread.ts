import { AppError, type ErrorCode } from '../core/errors.ts'
import type { Backbone, BackboneOptions } from './backbone.ts'
import { startThread } from './start-thread.ts'

export type BackboneThreadData = { readonly folder: string; readonly options: BackboneOptions }

export type BackboneOrder =
  { readonly type: 'run'; readonly id: number; readonly pixels: readonly Float32Array[] } | { readonly type: 'close' }

/** Answers to orders carry their number; 0 is the opening. */
export type BackboneReport =
  | { readonly type: 'opened'; readonly facts: Pick<Backbone, 'id' | 'featureWidth' | 'preprocessing'> }
  | { readonly type: 'ran'; readonly id: number; readonly features: Float32Array[] }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly detail: string }

type Waiting = { readonly resolve: (report: BackboneReport) => void; readonly reject: (error: AppError) => void }

/**
 * Opens a backbone on a thread of its own, because ONNX Runtime holds the thread that calls it: meanwhile this one searches, decodes and
 * writes. Runs take the arrays of pixels over: they are empty afterwards. Throws as `openBackbone` does.
 */
export async function openBackboneThread(folder: string, options: BackboneOptions = {}): Promise<Backbone> {
  const thread = startThread('backbone-thread-program', import.meta.url, {
    folder,
    options,
  } satisfies BackboneThreadData)
  const waiting = new Map<number, Waiting>()
  let orders = 0
  let ended = false

  const answerTo = (id: number) =>
    new Promise<BackboneReport>((resolve, reject) => void waiting.set(id, { resolve, reject }))
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  const fail = (error: AppError): void => {
    ended = true
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  thread.on('message', (report: BackboneReport) => {
    const id = report.type === 'opened' ? 0 : report.id
    const waiter = waiting.get(id)
    waiting.delete(id)
    if (report.type === 'failed') waiter?.reject(new AppError(report.code, report.detail))
    else waiter?.resolve(report)
  })
  thread.once('error', (cause) => fail(new AppError('internal', 'The thread of the backbone failed.', { cause })))
  thread.once('exit', () => fail(new AppError('model-not-found', 'The model is closed; open it again.')))

  const opened = await answerTo(0)
  if (opened.type !== 'opened') throw new AppError('internal', 'The thread of the backbone does not open it.')
  return {
    ...opened.facts,
    async run(pixels) {
      if (ended) throw new AppError('model-not-found', 'The model is closed; open it again.')
      const order: BackboneOrder = { type: 'run', id: ++orders, pixels }
      const answered = answerTo(order.id)
      thread.postMessage(order, [...new Set(pixels.map(({ buffer }) => buffer as ArrayBuffer))])
      const report = await answered
      return report.type === 'ran' ? report.features : []
    },
    async close() {
      if (!ended) thread.postMessage({ type: 'close' } satisfies BackboneOrder)
      await exited
    },
  }
}
