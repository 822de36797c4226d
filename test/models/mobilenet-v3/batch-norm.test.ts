import { expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { BATCH_NORM_EPSILON, foldBatchNorm } from '../../../src/models/mobilenet-v3/batch-norm.ts'
import { createGraph, type GraphBuilder } from '../../../src/models/onnx/graph.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'

const [WIDTH, INNER, KERNEL, SIDE] = [6, 4, 3, 7]

/** What a convolution and what follows it give for `pixels`. */
async function resultOf(pixels: Float32Array, build: (graph: GraphBuilder, input: string) => string) {
  const graph = createGraph('one layer')
  const input = graph.input('x', 'float32', [1, INNER, SIDE, SIDE])
  graph.output('y', build(graph, input), 'float32', [1, WIDTH, 'height', 'width'])
  const session = await openOnnxSession(graph.encode())
  const { y } = await session.run({ x: { data: pixels, shape: [1, INNER, SIDE, SIDE] } }, ['y'])
  await session.close()
  return y.data
}

it.each([1, 2])('folding a batch norm changes nothing (groups: %i)', async (groups) => {
  const random = createRandom(groups)
  const numbers = (length: number, low = -1, high = 1) =>
    Float32Array.from({ length }, () => low + random.float() * (high - low))
  const shape = [WIDTH, INNER / groups, KERNEL, KERNEL]
  const kernel = numbers((WIDTH * INNER * KERNEL * KERNEL) / groups)
  // Variances down to nothing, where epsilon decides.
  const variance = numbers(WIDTH, 0, 2).map((value, c) => (c === 0 ? 0 : c === 1 ? 1e-5 : value))
  const norm = { scale: numbers(WIDTH), shift: numbers(WIDTH), mean: numbers(WIDTH), variance }
  const pixels = numbers(INNER * SIDE * SIDE)
  const attributes = { kernel_shape: [KERNEL, KERNEL], strides: [2, 2], group: groups }

  const apart = await resultOf(pixels, (graph, input) => {
    const convolved = graph.node('Conv', [input, graph.initialiser(kernel, shape)], attributes)
    const parts = [norm.scale, norm.shift, norm.mean, norm.variance].map((part) => graph.initialiser(part, [WIDTH]))
    return graph.node('BatchNormalization', [convolved, ...parts], { epsilon: { float: BATCH_NORM_EPSILON } })
  })
  const folded = foldBatchNorm(kernel, norm)
  const together = await resultOf(pixels, (graph, input) =>
    graph.node(
      'Conv',
      [input, graph.initialiser(folded.kernel, shape), graph.initialiser(folded.bias, [WIDTH])],
      attributes,
    ),
  )
  expect(together).toHaveLength(apart.length)
  const largest = Math.max(...apart.map(Math.abs))
  for (const [at, value] of apart.entries())
    expect(Math.abs((together[at] ?? NaN) - value)).toBeLessThan(largest * 1e-6)
})
