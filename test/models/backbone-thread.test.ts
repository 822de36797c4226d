import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { openBackbone, type Backbone } from '../../src/models/backbone.ts'
import { openBackboneThread } from '../../src/models/backbone-thread.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { startThread } from '../../src/models/start-thread.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { countTurns } from '../fixtures/turns.ts'

const opened: Backbone[] = []
const keep = async (opening: Promise<Backbone>): Promise<Backbone> => {
  const backbone = await opening
  opened.push(backbone)
  return backbone
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((backbone) => backbone.close()))
})

async function builtIn(): Promise<string> {
  const folder = await temporaryFolder()
  await writeBuiltInBackbone(folder)
  return folder
}

/** Pixels of a picture that has another brightness for each `seed`. */
const pixelsFor = ({ preprocessing: { crop } }: Backbone, seed: number): Float32Array =>
  new Float32Array(3 * crop.width * crop.height).fill(seed / 10)

describe('backbone on a thread', () => {
  it('gives each of many orders the features that it has by itself', async () => {
    const folder = await builtIn()
    const here = await keep(openBackbone(folder))
    const there = await keep(openBackboneThread(folder))
    expect(there).toMatchObject({ id: here.id, featureWidth: here.featureWidth, preprocessing: here.preprocessing })
    const seeds = [[1, 2], [3], [], [4, 5, 6]]
    const answers = await Promise.all(seeds.map((list) => there.run(list.map((seed) => pixelsFor(there, seed)))))
    for (const [index, list] of seeds.entries())
      expect(answers[index]).toEqual(await here.run(list.map((seed) => pixelsFor(here, seed))))
  })

  it('gives the feature map where it is asked for', async () => {
    const folder = await temporaryFolder()
    const graph = createGraph('map')
    graph.output('feature_map', graph.input('pixels', 'float32', ['batch', 3, 2, 2]), 'float32', ['batch', 3, 2, 2])
    await mkdir(join(folder, 'onnx'))
    await writeFile(join(folder, 'onnx', 'model.onnx'), graph.encode())
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: 2 }))
    const backbone = await keep(openBackboneThread(folder))
    expect(backbone.featureMap).toEqual({ places: 4, width: 3 })
    const picture = () => Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    const answers = await Promise.all([backbone.run([picture()], 'feature-map'), backbone.run([picture()])])
    expect(answers).toEqual([
      [Float32Array.of(1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12)],
      [Float32Array.of(2.5, 6.5, 10.5)],
    ])
    const plain = await keep(openBackboneThread(await builtIn()))
    await expect(plain.run([pixelsFor(plain, 1)], 'feature-map')).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it('leaves this thread free while it runs', async () => {
    const backbone = await keep(openBackboneThread(await builtIn()))
    const turns = countTurns()
    await backbone.run(Array.from({ length: 64 }, (_, seed) => pixelsFor(backbone, seed)))
    expect(turns()).toBeGreaterThan(50)
  })

  it('fails what cannot be opened or run with the same codes, and goes on', async () => {
    await expect(openBackboneThread(await temporaryFolder())).rejects.toMatchObject({ code: 'model-invalid' })
    const folder = await builtIn()
    const backbone = await keep(openBackboneThread(folder))
    await expect(backbone.run([pixelsFor(backbone, Number.NaN)])).rejects.toMatchObject({ code: 'model-corrupt' })
    expect(await backbone.run([pixelsFor(backbone, 1)])).toHaveLength(1)
    const whole = await readFile(join(folder, 'onnx/model.onnx'))
    await writeFile(join(folder, 'onnx/model.onnx'), whole.subarray(0, whole.length / 2))
    await expect(openBackboneThread(folder)).rejects.toMatchObject({ code: 'model-corrupt' })
  })

  it('finishes what it was given before it closes, and refuses more', async () => {
    const backbone = await openBackboneThread(await builtIn())
    const running = backbone.run([pixelsFor(backbone, 1)])
    await backbone.close()
    await backbone.close()
    expect(await running).toHaveLength(1)
    await expect(backbone.run([pixelsFor(backbone, 1)])).rejects.toMatchObject({ code: 'model-not-found' })
  })

  /** A backbone, and the threads that were started for it. */
  async function withThreads(folder: string) {
    const threads: Worker[] = []
    const started: typeof startThread = (...about) => {
      const thread = startThread(...about)
      threads.push(thread)
      return thread
    }
    return { threads, backbone: await keep(openBackboneThread(folder, {}, started)) }
  }

  it('is opened again after its thread has died, and fails only what was running, as what passes', async () => {
    const { threads, backbone } = await withThreads(await builtIn())
    const before = await backbone.run([pixelsFor(backbone, 1)])
    const running = Promise.allSettled([1, 2].map((seed) => backbone.run([pixelsFor(backbone, seed)])))
    await threads[0]?.terminate()
    expect(await running).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'not-ready' } }))
    const after = await Promise.all([1, 1].map((seed) => backbone.run([pixelsFor(backbone, seed)])))
    expect(after).toEqual([before, before])
    expect(threads).toHaveLength(2)
  })

  it('is opened once more after it could not be, however late the thread that failed goes', async () => {
    const folder = await builtIn()
    const { threads, backbone } = await withThreads(folder)
    await threads[0]?.terminate()
    const path = join(folder, 'preprocessor_config.json')
    const whole = readFileSync(path)
    const run = () => backbone.run([pixelsFor(backbone, 1)])
    writeFileSync(path, '{')
    await expect(run()).rejects.toMatchObject({ code: 'not-ready' })
    writeFileSync(path, whole)
    for (let time = 0; time < 3; time++) expect(await run()).toHaveLength(1)
    expect(threads).toHaveLength(3)
  })

  it('waits where it cannot be opened again, or is another by then', async () => {
    const folder = await builtIn()
    const { threads, backbone } = await withThreads(folder)
    await threads[0]?.terminate()
    const path = join(folder, 'preprocessor_config.json')
    const whole = await readFile(path, 'utf8')
    const run = () => backbone.run([pixelsFor(backbone, 1)])
    await writeFile(path, '{')
    await expect(run()).rejects.toMatchObject({ code: 'not-ready' })
    await writeFile(
      path,
      JSON.stringify({ ...(JSON.parse(whole) as object), do_normalize: true, image_mean: [0.1, 0.1, 0.1] }),
    )
    await expect(run()).rejects.toMatchObject({
      code: 'not-ready',
      message: expect.stringContaining('another') as string,
    })
    await writeFile(path, whole)
    expect(await run()).toHaveLength(1)
  })
})
