import type onnxProto from 'onnx-proto'
import { elementCodes } from '../onnx/elements.ts'
import type { Blocks } from './blocks.ts'
import { SCALE_SUFFIX } from './stored-weight.ts'

type Graph = onnxProto.onnx.IGraphProto
type GraphNode = onnxProto.onnx.INodeProto

/** How the nodes of a graph read a weight. */
export type WeightUse = {
  /** The numbers that share a scale where it is stored in 8 bits; null where its readers do not say what belongs together. */
  readonly blocks: Blocks | null
  /** Whether it is only ever asked for some of its rows. */
  readonly isTable: boolean
}

/** Shorter arrays, such as biases, are not worth a node. */
const FEWEST_VALUES = 1024

/**
 * Numbers of a product's sum that share a scale. One for the whole sum is the custom, but here a projection that began as the identity has one
 * number in it that is twenty times the others: the errors are a tenth with 32, for an eighth more bytes.
 */
const RUN = 32

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1)

/** The weights of a graph that may be stored in another type, with how they are read: float32 constants that only its own nodes see. */
export function weightUses(graph: Graph): ReadonlyMap<string, WeightUse> {
  const nodes = graph.node ?? []
  const foreign = new Set([
    ...(graph.input ?? []).map(({ name }) => name ?? ''),
    ...(graph.output ?? []).map(({ name }) => name ?? ''),
    ...nodes.flatMap(readInBodies),
  ])
  const uses = new Map<string, WeightUse>()
  for (const { name, dataType, dims, dataLocation } of graph.initializer ?? []) {
    const shape = (dims ?? []).map(Number)
    const isPlain = dataType === elementCodes.float32 && !dataLocation && !name?.endsWith(SCALE_SUFFIX)
    if (!name || !isPlain || product(shape) < FEWEST_VALUES || foreign.has(name)) continue
    const readers = nodes.flatMap((node) =>
      (node.input ?? []).flatMap((input, position) => (input === name ? [{ node, position }] : [])),
    )
    const isTable = readers.every(({ node, position }) => isRowGather(node, position))
    const blocks = isTable
      ? { run: product(shape.slice(1)), stride: 1 }
      : (readers.map(({ node, position }) => blocksOf(node, position, shape)).find((found) => found !== null) ?? null)
    uses.set(name, { blocks, isTable })
  }
  return uses
}

const integerOf = ({ attribute }: GraphNode, name: string): number =>
  Number(attribute?.find((one) => one.name === name)?.i ?? 0)

/** Of ONNX itself, whose domain has two names. */
const isStandard = ({ domain }: GraphNode): boolean => !domain || domain === 'ai.onnx'

const isRowGather = (node: GraphNode, position: number): boolean =>
  isStandard(node) && node.opType === 'Gather' && position === 0 && integerOf(node, 'axis') === 0

/** Blocks along the axis that a product sums over. */
function blocksOf(node: GraphNode, position: number, shape: readonly number[]): Blocks | null {
  if (!isStandard(node) || position > 1 || shape.length < 2) return null
  const isLeft = position === 0
  const rows = shape.at(-2) ?? 1
  const columns = shape.at(-1) ?? 1
  const down = { run: rows, stride: columns }
  const across = { run: columns, stride: 1 }
  switch (node.opType ?? '') {
    case 'MatMul':
      return inRuns(isLeft ? across : down)
    case 'Gemm': {
      const isTurned = integerOf(node, isLeft ? 'transA' : 'transB') !== 0
      return inRuns(isLeft === isTurned ? down : across)
    }
    case 'Conv':
      return isLeft ? null : inRuns({ run: product(shape.slice(1)), stride: 1 })
    default:
      return null
  }
}

const inRuns = ({ run, stride }: Blocks): Blocks => ({ run: run % RUN === 0 ? RUN : run, stride })

/** What the bodies of a node's branches and loops read, also from outside of them. */
function readInBodies({ attribute }: GraphNode): readonly string[] {
  const bodies = (attribute ?? []).flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])])
  return bodies.flatMap(({ node, output }) => [
    ...(node ?? []).flatMap((inner) => [...(inner.input ?? []), ...readInBodies(inner)]),
    ...(output ?? []).map(({ name }) => name ?? ''),
  ])
}
