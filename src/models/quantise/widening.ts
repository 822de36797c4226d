import onnxProto from 'onnx-proto'
import { bytesOf, elementCodes } from '../onnx/elements.ts'
import { shapeOf } from './stored-weight.ts'

const { AttributeProto } = onnxProto.onnx
type Tensor = onnxProto.onnx.ITensorProto
type GraphNode = onnxProto.onnx.INodeProto

/** A weight in its narrow form, with what its numbers are to be multiplied with, if anything. */
export type NarrowWeight = { readonly stored: Tensor; readonly scales: Tensor | null; readonly isTable: boolean }

type Widened = { readonly constants: readonly Tensor[]; readonly nodes: readonly GraphNode[] }

/** What a weight is called once it is float32 again. */
export const wideName = (weight: string): string => `${weight}.float32`

const node = (opType: string, input: string[], output: string): GraphNode => ({ opType, input, output: [output] })

const cast = (from: string, to: string): GraphNode => ({
  ...node('Cast', [from], to),
  attribute: [{ name: 'to', type: AttributeProto.AttributeType.INT, i: elementCodes.float32 }],
})

const shapeConstant = (name: string, shape: readonly number[]): Tensor => ({
  name,
  dims: [shape.length],
  dataType: elementCodes.int64,
  rawData: bytesOf(BigInt64Array.from(shape, BigInt)),
})

/** Brings a whole weight back: cast, and multiplied block by block. */
export function widenedWhole({ stored, scales }: NarrowWeight): Widened {
  const name = stored.name ?? ''
  const wide = wideName(name)
  if (scales === null) return { constants: [], nodes: [cast(name, wide)] }
  const [outer = 1, , stride = 1] = shapeOf(scales)
  const blocks = shapeConstant(`${name}.blocks`, [outer, -1, stride])
  const shape = shapeConstant(`${name}.shape`, shapeOf(stored))
  const [numbers, apart, scaled] = [`${name}.numbers`, `${name}.apart`, `${name}.scaled`]
  return {
    constants: [blocks, shape],
    nodes: [
      cast(name, numbers),
      node('Reshape', [numbers, blocks.name ?? ''], apart),
      node('Mul', [apart, scales.name ?? ''], scaled),
      node('Reshape', [scaled, shape.name ?? ''], wide),
    ],
  }
}

/** The node that chooses rows of a table, and the nodes that bring these back. */
export function widenedRows(gather: GraphNode, { stored, scales }: NarrowWeight): readonly GraphNode[] {
  const [rows = ''] = gather.output ?? []
  const [, places = ''] = gather.input ?? []
  const table = stored.name ?? ''
  const narrow = `${rows}.narrow`
  if (scales === null) return [node('Gather', [table, places], narrow), cast(narrow, rows)]
  const [numbers, rowScales] = [`${rows}.numbers`, `${rows}.scales`]
  return [
    node('Gather', [table, places], narrow),
    node('Gather', [scales.name ?? '', places], rowScales),
    cast(narrow, numbers),
    node('Mul', [numbers, rowScales], rows),
  ]
}
