import { readFile } from 'node:fs/promises'
import onnxProto from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { createGraph, type GraphBuilder } from '../../../src/models/onnx/graph.ts'
import { elementCodes } from '../../../src/models/onnx/elements.ts'
import { readWeights } from '../../../src/models/onnx/read-weights.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { toPrecision } from '../../../src/models/quantise/to-precision.ts'
import { sharedPath } from '../../fixtures/shared.ts'

const ROWS = 40
const WIDTH = 64
const { ModelProto } = onnxProto.onnx

/** Numbers that are the same every time, between -1 and 1, and 20 on the diagonal of a square. */
function numbers(length: number, seed: number, diagonal = 0): Float32Array {
  return Float32Array.from({ length }, (_, i) =>
    i % (diagonal + 1) === 0 && diagonal > 0 ? 20 : Math.sin(i * 12.9898 + seed),
  )
}

const weights = {
  table: { data: numbers(ROWS * WIDTH, 1), shape: [ROWS, WIDTH] },
  plain: { data: numbers(WIDTH * WIDTH, 2, WIDTH), shape: [WIDTH, WIDTH] },
  turned: { data: numbers(WIDTH * WIDTH, 3), shape: [WIDTH, WIDTH] },
  left: { data: numbers(WIDTH * WIDTH, 4), shape: [WIDTH, WIDTH] },
  filters: { data: numbers(36 * 4 * 9, 5), shape: [36, 4, 3, 3] },
  added: { data: numbers(36 * WIDTH, 6), shape: [36, WIDTH] },
  bias: { data: numbers(WIDTH, 7), shape: [WIDTH] },
} as const

/** A graph that reads weights in every way that matters: rows of a table, products of all kinds, a convolution, a sum. */
function everyUse(): Uint8Array {
  const graph = createGraph('every_use')
  const { node } = graph
  const weight = (name: keyof typeof weights) => graph.weight(name, weights[name].data, weights[name].shape)
  const ids = graph.input('ids', 'int64', ['batch'])
  const rows = node('Gather', [weight('table'), ids])
  const first = node('MatMul', [rows, weight('plain')])
  const second = node('Gemm', [first, weight('turned'), weight('bias')], { transB: 1 })
  const turned = node('MatMul', [weight('left'), node('Transpose', [second], { perm: [1, 0] })])
  const third = node('Transpose', [turned], { perm: [1, 0] })
  const pictures = node('Reshape', [third, graph.integers([-1, 4, 4, 4])])
  const places = node('Reshape', [
    node('Conv', [pictures, weight('filters')], { pads: [1, 1, 1, 1] }),
    graph.integers([-1, 36, 16]),
  ])
  const sums = node('Add', [node('Concat', [places, places, places, places], { axis: 2 }), weight('added')])
  graph.output('values', sums, 'float32', ['batch', 36, WIDTH])
  return graph.encode()
}

async function run(file: Uint8Array, ids = [0, 3, 3, ROWS - 1]): Promise<Float32Array> {
  const session = await openOnnxSession(file)
  const feeds = { ids: { data: BigInt64Array.from(ids, BigInt), shape: [ids.length] } }
  const { values } = await session.run(feeds, ['values'])
  await session.close()
  return values.data
}

const typesOf = (file: Uint8Array): Record<string, number> =>
  Object.fromEntries(
    (ModelProto.decode(file).graph?.initializer ?? []).map(({ name, dataType }) => [name ?? '', dataType ?? 0]),
  )

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0)

describe('a graph in fewer bits', () => {
  const full = everyUse()

  it.each([
    { precision: 'fp16', size: 0.55, least: 1 - 1e-5 },
    { precision: 'int8', size: 0.5, least: 1 - 1e-3 },
  ] as const)('computes nearly the same in $precision, and is smaller', async ({ precision, size, least }) => {
    const file = toPrecision(full, precision)
    expect(file.length / full.length).toBeLessThan(size)
    expect(cosine(await run(full), await run(file))).toBeGreaterThan(least)
  })

  it('keeps names, and stores in 8 bits what products, convolutions and choices of rows read', () => {
    expect(typesOf(toPrecision(full, 'int8'))).toMatchObject({
      table: elementCodes.int8,
      plain: elementCodes.int8,
      turned: elementCodes.int8,
      left: elementCodes.int8,
      filters: elementCodes.int8,
      added: elementCodes.float32,
      bias: elementCodes.float32,
    })
    const halves = typesOf(toPrecision(full, 'fp16'))
    for (const name of Object.keys(weights)) {
      expect(halves[name]).toBe(name === 'bias' ? elementCodes.float32 : elementCodes.float16)
    }
  })

  it.each(['fp16', 'int8'] as const)('gives its weights back, each off by half a step at most: %s', (precision) => {
    const read = readWeights(toPrecision(full, precision))
    expect([...read.keys()].sort()).toEqual([...readWeights(full).keys()].sort())
    for (const [name, { data }] of Object.entries(weights)) {
      const largest = Math.max(...data.map(Math.abs))
      const bound = precision === 'fp16' ? largest * 2 ** -11 : largest / 254
      expect(largestDifference(data, read.get(name) ?? new Float32Array())).toBeLessThanOrEqual(bound * (1 + 1e-5))
    }
  })

  it('one large number costs those far from it nothing', () => {
    const plain = readWeights(toPrecision(full, 'int8')).get('plain') ?? new Float32Array()
    // Column 0 has its large number among the first 32 rows.
    for (let row = 32; row < WIDTH; row++) {
      const at = row * WIDTH
      expect(Math.abs((plain[at] ?? 0) - (weights.plain.data[at] ?? 0))).toBeLessThan(1 / 253)
    }
  })

  it.each(['fp16', 'int8'] as const)('widens only the rows of a table that are asked for: %s', (precision) => {
    const nodes = ModelProto.decode(toPrecision(full, precision)).graph?.node ?? []
    const readers = nodes.filter(({ input }) => input?.includes('table'))
    expect(readers.map(({ opType }) => opType)).toEqual(['Gather'])
  })

  it.each(['fp16', 'int8'] as const)('gives a vector that does not depend on its neighbours: %s', async (precision) => {
    const file = toPrecision(full, precision)
    const [alone, together] = [await run(file, [5]), await run(file, [5, 0, 17, 39])]
    expect(largestDifference(alone, together.subarray(0, alone.length)) / Math.max(...alone)).toBeLessThan(1e-5)
  })

  it('is the same bytes every time, and stays as it is a second time', () => {
    for (const precision of ['fp16', 'int8'] as const) {
      const file = toPrecision(full, precision)
      expect(Buffer.from(toPrecision(full, precision)).equals(file)).toBe(true)
      expect(readWeights(toPrecision(file, precision))).toEqual(readWeights(file))
    }
    expect(toPrecision(full, 'fp32')).toBe(full)
  })
})

/** A product with one weight, built by hand where the builder would not. */
function oneProduct(
  change: (graph: GraphBuilder, weight: string) => void,
  data = numbers(WIDTH * WIDTH, 1),
): Uint8Array {
  const graph = createGraph('one_product')
  const left = graph.input('left', 'float32', ['batch', WIDTH])
  const weight = graph.weight('weight', data, [WIDTH, WIDTH])
  graph.output('values', graph.node('MatMul', [left, weight]), 'float32', ['batch', WIDTH])
  change(graph, weight)
  return graph.encode()
}

describe('what stays float32', () => {
  const stays = (file: Uint8Array) => {
    for (const precision of ['fp16', 'int8'] as const) {
      expect(typesOf(toPrecision(file, precision))).toEqual({ weight: elementCodes.float32 })
    }
  }

  it('a weight that callers may give themselves', () => {
    const model = ModelProto.decode(oneProduct(() => undefined))
    const tensorType = { elemType: elementCodes.float32, shape: { dim: [{ dimValue: WIDTH }, { dimValue: WIDTH }] } }
    model.graph?.input?.push({ name: 'weight', type: { tensorType } })
    stays(ModelProto.encode(model).finish())
  })

  it('a weight that is an output', () => {
    const model = ModelProto.decode(oneProduct(() => undefined))
    model.graph?.output?.push({ name: 'weight', type: { tensorType: { elemType: elementCodes.float32, shape: null } } })
    stays(ModelProto.encode(model).finish())
  })

  it('a weight that a branch reads', () => {
    const model = ModelProto.decode(oneProduct(() => undefined))
    const inner = {
      name: 'then',
      node: [{ opType: 'Identity', input: ['weight'], output: ['inner'] }],
      output: [{ name: 'inner' }],
    }
    const attribute = [{ name: 'then_branch', type: onnxProto.onnx.AttributeProto.AttributeType.GRAPH, g: inner }]
    model.graph?.node?.push({ opType: 'If', input: ['left'], output: ['chosen'], attribute })
    stays(ModelProto.encode(model).finish())
  })

  it('a weight with a number that is none, and one too large for 16 bits', () => {
    const data = numbers(WIDTH * WIDTH, 1)
    data[7] = Number.POSITIVE_INFINITY
    stays(oneProduct(() => undefined, data))
    data[7] = 70_000
    const file = oneProduct(() => undefined, data)
    expect(typesOf(toPrecision(file, 'fp16'))).toEqual({ weight: elementCodes.float32 })
    expect(typesOf(toPrecision(file, 'int8'))).toMatchObject({ weight: elementCodes.int8 })
  })

  it('refuses a file that is none', () => {
    expect(() => toPrecision(Uint8Array.of(255, 1, 2), 'int8')).toThrow(
      expect.objectContaining({ code: 'model-corrupt' }) as Error,
    )
  })
})

const mobileNet = sharedPath('models', 'mobilenet-v2-1.0-224', 'onnx', 'model.onnx')
if (mobileNet !== null) {
  describe('MobileNetV2', () => {
    it.each([
      { precision: 'fp16', share: 0.51, least: 0.9999 },
      { precision: 'int8', share: 0.3, least: 0.99 },
    ] as const)('gives nearly the same features in $precision', async ({ precision, share, least }) => {
      const full = await readFile(mobileNet)
      const file = toPrecision(full, precision)
      expect(file.length / full.length).toBeLessThan(share)
      const shape = [1, 3, 224, 224]
      const data = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.37) * Math.cos(i * 0.0011))
      const [features, others] = await Promise.all(
        [full, file].map(async (bytes) => {
          const session = await openOnnxSession(bytes)
          const run = await session.run({ pixels: { data, shape } }, ['features'])
          await session.close()
          return run.features.data
        }),
      )
      expect(cosine(features ?? new Float32Array(), others ?? new Float32Array())).toBeGreaterThan(least)
    })
  })
}
