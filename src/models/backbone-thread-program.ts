import { parentPort, workerData } from 'node:worker_threads'
import { toAppError } from '../core/errors.ts'
import { openBackbone } from './backbone.ts'
import type { BackboneOrder, BackboneReport, BackboneThreadData } from './backbone-thread.ts'
import { exitGate } from './exit-gate.ts'

/** The program of a thread that runs one backbone: it opens it, then answers orders in their order. */

const report = (message: BackboneReport): void => parentPort?.postMessage(message)
const failure = (id: number, error: unknown): BackboneReport => {
  const { code, message } = toAppError(error)
  return { type: 'failed', id, code, detail: message }
}

const { folder, options, gate } = workerData as BackboneThreadData
const { pass, leave } = exitGate(gate)

try {
  const backbone = await openBackbone(folder, options)
  const { id, featureWidth, featureMap, preprocessing } = backbone
  let last: Promise<void> = Promise.resolve()
  parentPort?.on('message', (order: BackboneOrder) => {
    last = last.then(async () => {
      if (order.type === 'close') {
        await pass(() => backbone.close())
        parentPort?.close()
        return
      }
      try {
        report({ type: 'ran', id: order.id, features: await pass(() => backbone.run(order.pixels, order.output)) })
      } catch (error) {
        report(failure(order.id, error))
      }
    })
  })
  report({ type: 'opened', facts: { id, featureWidth, featureMap, preprocessing } })
} catch (error) {
  report(failure(0, error))
} finally {
  leave()
}
