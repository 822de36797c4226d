import { parentPort, workerData } from 'node:worker_threads'
import { toAppError } from '../core/errors.ts'
import { exitGate } from './exit-gate.ts'
import { openNetworkHere } from './network.ts'
import type { NetworkOrder, NetworkReport, NetworkThreadData } from './network-thread.ts'

/** The program of a thread that runs one network: it opens it, then answers orders in their order. */

const report = (message: NetworkReport): void => parentPort?.postMessage(message)
const failure = (id: number, error: unknown): NetworkReport => {
  const { code, message } = toAppError(error)
  return { type: 'failed', id, code, detail: message }
}

const { source, threads, gate } = workerData as NetworkThreadData
const { pass, leave } = exitGate(gate)

try {
  const network = await openNetworkHere(source, threads === undefined ? {} : { threads })
  const { inputs, outputs, digest, scalesAsItRuns } = network
  let last: Promise<void> = Promise.resolve()
  parentPort?.on('message', (order: NetworkOrder) => {
    last = last.then(async () => {
      if (order.type === 'close') {
        await pass(() => network.close())
        parentPort?.close()
        return
      }
      try {
        const results = await pass(() => network.run(order.feeds, order.outputs))
        report({ type: 'ran', id: order.id, results })
      } catch (error) {
        report(failure(order.id, error))
      }
    })
  })
  report({ type: 'opened', facts: { inputs, outputs, digest, scalesAsItRuns } })
} catch (error) {
  report(failure(0, error))
} finally {
  leave()
}
