import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { createGraph } from '../../../src/models/onnx/graph.ts'

const open = (bytes: Uint8Array) => ort.InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 })

describe('graph', () => {
  it('runs in ONNX Runtime with a symbolic batch, attributes and constants', async () => {
    const graph = createGraph('linear')
    const features = graph.input('features', 'float32', ['batch', 2])
    const weights = graph.initialiser(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2])
    const product = graph.node('Gemm', [features, weights], { transB: 1, alpha: { float: 0.5 } })
    graph.output('scores', graph.node('ReduceSum', [product, graph.integers([1])], { keepdims: 0 }), 'float32', [
      'batch',
    ])
    const session = await open(graph.encode())
    for (const batch of [1, 3]) {
      const input = new ort.Tensor('float32', new Float32Array(batch * 2).fill(1), [batch, 2])
      const { scores } = await session.run({ features: input })
      expect([...(scores?.data as Float32Array)]).toEqual(new Array(batch).fill(10.5))
    }
  })

  it('gives several outputs, shows one value under two names and an input as an output', async () => {
    const graph = createGraph('split')
    const x = graph.input('x', 'float32', [4])
    const [left = '', right = ''] = graph.nodes('Split', [x, graph.integers([1, 3])], 2, { axis: 0 })
    graph.output('left', left, 'float32', [1])
    graph.output('right', right, 'float32', [3])
    graph.output('again', right, 'float32', [3])
    graph.output('same', x, 'float32', [4])
    const session = await open(graph.encode())
    const result = await session.run({ x: new ort.Tensor('float32', [1, 2, 3, 4], [4]) })
    expect(Object.entries(result).map(([name, tensor]) => [name, ...(tensor.data as Float32Array)])).toEqual([
      ['left', 1],
      ['right', 2, 3, 4],
      ['again', 2, 3, 4],
      ['same', 1, 2, 3, 4],
    ])
  })

  it('leaves out what no output needs and writes equal nodes once', () => {
    const build = (wasteful: boolean) => {
      const graph = createGraph('g')
      const x = graph.input('x', 'float32', [2])
      const once = graph.node('Exp', [x])
      const twice = wasteful ? graph.node('Exp', [x]) : once
      if (wasteful) graph.node('Mul', [x, graph.initialiser(new Float32Array(4096), [4096])])
      graph.output('y', graph.node('Add', [once, twice]), 'float32', [2])
      return graph.encode()
    }
    expect(build(true)).toHaveLength(build(false).length)
  })

  it('refuses a fraction where an attribute would be written as an integer', () => {
    const graph = createGraph('g')
    expect(() => graph.node('Gemm', [], { alpha: 0.5 })).toThrow('{ float: 0.5 }')
  })
})
