import { describe, expect, it } from 'vitest'
import { fromHalf, toHalf } from '../../src/models/half-precision.ts'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'

/** Numbers and their halves, by NumPy. */
const pairs: readonly (readonly [number, number])[] = [
  [1, 15360],
  [-2.5, 49408],
  [65504, 31743],
  [65520, 31744],
  [1e-8, 0],
  [6e-8, 1],
  [0.1, 11878],
  [1 / 3, 13653],
  [2049, 26624],
  [2051, 26626],
  [Infinity, 31744],
  [6.1e-5, 1023],
  [3e-5, 503],
  [-0, 32768],
]

describe('numbers of 16 bits', () => {
  it.each(pairs)('%d', (value, half) => {
    expect([...toHalf(Float32Array.of(value))]).toEqual([half])
  })

  it('come back as they went', () => {
    const all = Uint16Array.from({ length: 0x7c01 }, (_, half) => half)
    const negative = all.map((half) => half | 0x8000)
    expect(toHalf(fromHalf(all))).toEqual(all)
    expect(toHalf(fromHalf(negative))).toEqual(negative)
    expect(fromHalf(Uint16Array.of(0x7e00))[0]).toBeNaN()
    expect(fromHalf(toHalf(Float32Array.of(NaN)))[0]).toBeNaN()
  })
})

describe('a session', () => {
  it('feeds and reads numbers of 16 bits and ids of 32', async () => {
    const graph = createGraph('half')
    const pixels = graph.input('pixels', 'float16', ['batch', 2])
    const ids = graph.input('ids', 'int32', ['batch', 2])
    graph.output('doubled', graph.node('Add', [pixels, pixels]), 'float16', ['batch', 2])
    graph.output('numbers', graph.node('Cast', [ids], { to: 1 }), 'float32', ['batch', 2])
    const session = await openOnnxSession(graph.encode())
    const feeds = {
      pixels: { data: Float32Array.of(0.1, -3), shape: [1, 2] },
      ids: { data: BigInt64Array.of(7n, -9n), shape: [1, 2] },
    }
    const { doubled, numbers } = await session.run(feeds, ['doubled', 'numbers'])
    expect(doubled.data[0]).toBeCloseTo(0.2, 3)
    expect(doubled.data[1]).toBe(-6)
    expect([...numbers.data]).toEqual([7, -9])
    await session.close()
  })
})
