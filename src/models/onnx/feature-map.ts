import onnxProto from 'onnx-proto'
import { elementCodes } from './elements.ts'

type Graph = onnxProto.onnx.IGraphProto
type GraphNode = onnxProto.onnx.INodeProto

/** What only takes away the axes that a mean has left. */
const PASSING = new Set(['Flatten', 'Reshape', 'Squeeze', 'Identity'])

/**
 * The ONNX file with one more output `feature_map` [batch, channels, height, width]: what its output `pooled` is the mean of over height and width.
 * Null where that output is made in another way, or the file has the name already.
 */
export function withFeatureMap(file: Uint8Array, pooled: string): Uint8Array | null {
  const { ModelProto } = onnxProto.onnx
  const model = ModelProto.decode(file)
  const graph: Graph = { ...model.graph }
  const makers = new Map((graph.node ?? []).flatMap((node) => (node.output ?? []).map((name) => [name, node] as const)))
  const map = averagedBy(graph, makers, pooled)
  if (map === null || makers.has('feature_map')) return null
  const shape = { dim: ['batch', 'channels', 'height', 'width'].map((dimParam) => ({ dimParam })) }
  const node = [...(graph.node ?? []), { opType: 'Identity', input: [map], output: ['feature_map'] }]
  const shown = { name: 'feature_map', type: { tensorType: { elemType: elementCodes.float32, shape } } }
  const output = [...(graph.output ?? []), shown]
  return ModelProto.encode(Object.assign(model, { graph: { ...graph, node, output } })).finish()
}

/** The value that a mean over its last two of four axes, and nothing else, makes the output of. */
function averagedBy(graph: Graph, makers: ReadonlyMap<string, GraphNode>, output: string): string | null {
  for (let node = makers.get(output); node !== undefined; node = makers.get(node.input?.[0] ?? '')) {
    if (node.domain && node.domain !== 'ai.onnx') return null
    if (isMeanOfPlaces(graph, node)) return node.input?.[0] ?? null
    if (!PASSING.has(node.opType ?? '')) return null
  }
  return null
}

function isMeanOfPlaces(graph: Graph, node: GraphNode): boolean {
  if (node.opType === 'GlobalAveragePool') return true
  if (node.opType !== 'ReduceMean') return false
  const axes = axesOf(graph, node).map((axis) => (axis < 0 ? axis + 4 : axis))
  return axes.length === 2 && axes.includes(2) && axes.includes(3)
}

/** Older files have axes among the attributes, newer ones in a constant. */
function axesOf(graph: Graph, { attribute, input }: GraphNode): readonly number[] {
  const ints = attribute?.find(({ name }) => name === 'axes')?.ints
  if (ints != null) return ints.map(Number)
  const constant = graph.initializer?.find(({ name }) => name === input?.[1])
  if (constant?.rawData == null || constant.rawData.length === 0) return (constant?.int64Data ?? []).map(Number)
  const { buffer, byteOffset, byteLength } = constant.rawData
  return [...new BigInt64Array(buffer.slice(byteOffset, byteOffset + byteLength))].map(Number)
}
