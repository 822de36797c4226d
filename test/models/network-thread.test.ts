import { readFileSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { openBackbone } from '../../src/models/backbone.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { openNetworkHere, type Network } from '../../src/models/network.ts'
import { openNetworkThread } from '../../src/models/network-thread.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { startThread } from '../../src/models/start-thread.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { countTurns } from '../fixtures/turns.ts'

const opened: { close(): Promise<void> }[] = []
const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
  const network = await opening
  opened.push(network)
  return network
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((network) => network.close()))
})

/** A network that doubles a row [batch, 2], or multiplies it by something else. */
function multiplying(factor = 2): Uint8Array {
  const graph = createGraph('double')
  const row = graph.input('row', 'float32', ['batch', 2])
  const product = graph.node('Mul', [row, graph.initialiser(Float32Array.of(factor), [])])
  graph.output('product', product, 'float32', ['batch', 2])
  return graph.encode()
}

async function fileOf(bytes = multiplying()): Promise<string> {
  const path = join(await temporaryFolder(), 'network.onnx')
  await writeFile(path, bytes)
  return path
}

const feed = (...values: number[]) => ({ row: { data: Float32Array.from(values), shape: [values.length / 2, 2] } })
const productOf = async (network: Network, ...values: number[]) =>
  (await network.run(feed(...values), ['product'])).product.data

describe('a network on a thread', () => {
  it('gives each of many orders what it gives on this one, and says the same of itself', async () => {
    const path = await fileOf()
    const { inputs, outputs, digest, scalesAsItRuns } = await keep(openNetworkHere(path))
    const there = await keep(openNetworkThread(path))
    expect(there).toMatchObject({ inputs, outputs, digest, scalesAsItRuns })
    const answers = await Promise.all([productOf(there, 1, 2), productOf(there, 3, 4, 5, 6), productOf(there, 7, 8)])
    expect(answers).toEqual([Float32Array.of(2, 4), Float32Array.of(6, 8, 10, 12), Float32Array.of(14, 16)])
    const fromBytes = await keep(openNetworkThread(multiplying()))
    expect(fromBytes.digest).toBe(digest)
    expect(await productOf(fromBytes, 1, 2)).toEqual(Float32Array.of(2, 4))
  })

  it('leaves this thread free while it runs, as a backbone that is opened so', async () => {
    const folder = await temporaryFolder()
    await writeBuiltInBackbone(folder)
    const here = await keep(openBackbone(folder))
    const there = await keep(openBackbone(folder, { onThread: true }))
    expect(there).toMatchObject({ id: here.id, featureWidth: here.featureWidth, preprocessing: here.preprocessing })
    const { width, height } = here.preprocessing.crop
    const pixels = (seed: number) => new Float32Array(3 * width * height).fill(seed / 10)
    expect(await there.run([pixels(1), pixels(2)])).toEqual(await here.run([pixels(1), pixels(2)]))
    const turns = countTurns()
    await there.run(Array.from({ length: 64 }, (_, seed) => pixels(seed)))
    expect(turns()).toBeGreaterThan(50)
  })

  it('fails what cannot be opened or run with the same codes, and goes on', async () => {
    const path = await fileOf()
    await expect(openNetworkThread(`${path}.none`)).rejects.toMatchObject({ code: 'model-invalid' })
    const damaged = await fileOf(multiplying().subarray(0, 40))
    await expect(openNetworkThread(damaged)).rejects.toMatchObject({ code: 'model-corrupt' })
    const network = await keep(openNetworkThread(path))
    const misfit = { row: { data: Float32Array.of(1), shape: [1, 1] } }
    await expect(network.run(misfit, ['product'])).rejects.toMatchObject({ code: 'internal' })
    expect(await productOf(network, 1, 2)).toEqual(Float32Array.of(2, 4))
  })

  it('finishes what it was given before it closes, and refuses more', async () => {
    const network = await openNetworkThread(await fileOf())
    const running = productOf(network, 1, 2)
    await network.close()
    await network.close()
    expect(await running).toEqual(Float32Array.of(2, 4))
    await expect(productOf(network, 1, 2)).rejects.toMatchObject({ code: 'model-not-found' })
  })

  /** A network, and the threads that were started for it. */
  async function withThreads(path: string) {
    const threads: Worker[] = []
    const started: typeof startThread = (...about) => {
      const thread = startThread(...about)
      threads.push(thread)
      return thread
    }
    return { threads, network: await keep(openNetworkThread(path, {}, started)) }
  }

  it('is opened again after its thread has died, and fails only what was running, as what passes', async () => {
    const { threads, network } = await withThreads(await fileOf())
    const running = Promise.allSettled([productOf(network, 1, 2), productOf(network, 3, 4)])
    await threads[0]?.terminate()
    expect(await running).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'not-ready' } }))
    const after = await Promise.all([productOf(network, 1, 2), productOf(network, 3, 4)])
    expect(after).toEqual([Float32Array.of(2, 4), Float32Array.of(6, 8)])
    expect(threads).toHaveLength(2)
  })

  it('is opened once more after it could not be, however late the thread that failed goes', async () => {
    const path = await fileOf()
    const { threads, network } = await withThreads(path)
    await threads[0]?.terminate()
    const whole = readFileSync(path)
    writeFileSync(path, 'damaged')
    await expect(productOf(network, 1, 2)).rejects.toMatchObject({ code: 'not-ready' })
    writeFileSync(path, whole)
    for (let time = 0; time < 3; time++) expect(await productOf(network, 1, 2)).toEqual(Float32Array.of(2, 4))
    expect(threads).toHaveLength(3)
  })

  it('waits where its file is another by then', async () => {
    const path = await fileOf()
    const { threads, network } = await withThreads(path)
    await threads[0]?.terminate()
    const whole = await readFile(path)
    await writeFile(path, multiplying(3))
    await expect(productOf(network, 1, 2)).rejects.toMatchObject({
      code: 'not-ready',
      message: expect.stringContaining('another') as string,
    })
    await writeFile(path, whole)
    expect(await productOf(network, 1, 2)).toEqual(Float32Array.of(2, 4))
  })
})
