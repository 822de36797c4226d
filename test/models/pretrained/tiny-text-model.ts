import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGraph } from '../../../src/models/onnx/graph.ts'

/** ONNX's codes for element types, as `Cast` takes them. */
const FLOAT = 1

type TinyTextModel = {
  readonly width?: number
  readonly output?: string
  /** Whether the output is a vector a text, pooled by the graph. */
  readonly pooled?: boolean
  readonly segments?: boolean
  readonly batch?: number | string
  readonly length?: number | string
  /** Whether the ids pass through 8 bits, on a scale that is chosen as the graph runs. */
  readonly quantised?: boolean
  /** A number that all states are multiplied by. */
  readonly factor?: number
}

/**
 * A transformer's interface without its layers: dimension d of the state of an id is `id + 100 * d + 1000 * segment + position / 8`, and nothing where
 * there is padding. Pooled, the sum over the ids.
 */
export function tinyTextModel(about: TinyTextModel = {}): Uint8Array {
  const { width = 2, output = 'last_hidden_state', batch = 'batch', length = 'sequence', factor = 1 } = about
  const graph = createGraph('text')
  const floats = (value: string): string => graph.node('Cast', [value], { to: FLOAT })
  const constant = (value: number): string => graph.initialiser(Float32Array.of(value), [])
  const ids = graph.input('input_ids', 'int64', [batch, length])
  const mask = floats(graph.input('attention_mask', 'int64', [batch, length]))
  let value = floats(ids)
  if (about.quantised === true) {
    const [bytes = '', scale = '', zero = ''] = graph.nodes('DynamicQuantizeLinear', [value], 3)
    value = graph.node('DequantizeLinear', [bytes, scale, zero])
  }
  const ones = graph.node('CumSum', [mask, graph.initialiser(BigInt64Array.of(1n), [])])
  value = graph.node('Add', [value, graph.node('Mul', [graph.node('Sub', [ones, constant(1)]), constant(0.125)])])
  if (about.segments === true) {
    const segments = floats(graph.input('token_type_ids', 'int64', [batch, length]))
    value = graph.node('Add', [value, graph.node('Mul', [segments, constant(1000)])])
  }
  const offsets = graph.initialiser(
    Float32Array.from({ length: width }, (_, d) => 100 * d),
    [width],
  )
  const spread = graph.node('Add', [graph.node('Unsqueeze', [value, graph.integers([2])]), offsets])
  const masked = graph.node('Mul', [spread, graph.node('Unsqueeze', [mask, graph.integers([2])])])
  const states = graph.node('Mul', [masked, constant(factor)])
  const sum = () => graph.node('ReduceSum', [states, graph.integers([1])], { keepdims: 0 })
  if (about.pooled === true) graph.output(output, sum(), 'float32', [batch, width])
  else graph.output(output, states, 'float32', [batch, length, width])
  return graph.encode()
}

/** Writes files of a model, JSON where they are no bytes. */
export async function writeFiles(folder: string, files: Readonly<Record<string, object>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content instanceof Uint8Array ? content : JSON.stringify(content))
  }
}
