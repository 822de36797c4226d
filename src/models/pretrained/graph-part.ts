import onnxProto from 'onnx-proto'
import { AppError } from '../../core/errors.ts'

const { ModelProto } = onnxProto.onnx

/**
 * The part of an ONNX model that makes one of its outputs, as a model of its own: one tower of a file that holds two, so that a text is
 * not encoded together with a picture that nobody asked for. Throws `model-corrupt` where the file cannot be read.
 */
export function partThatMakes(file: Uint8Array, output: string): Uint8Array {
  let model: onnxProto.onnx.ModelProto
  try {
    model = ModelProto.decode(file)
  } catch (cause) {
    throw new AppError('model-corrupt', 'The ONNX file cannot be read; fetch the model again.', { cause })
  }
  const { graph } = model
  const nodes = graph?.node ?? []
  const makers = new Map(nodes.flatMap((node) => (node.output ?? []).map((value) => [value, node] as const)))
  const needed = new Set<string>()
  const open = [output]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (needed.has(value)) continue
    needed.add(value)
    open.push(...readBy(makers.get(value) ?? {}))
  }
  const isNeeded = ({ name }: { name?: string | null }): boolean => needed.has(name ?? '')
  const part = {
    ...graph,
    node: nodes.filter((node) => (node.output ?? []).some((value) => needed.has(value))),
    initializer: (graph?.initializer ?? []).filter(isNeeded),
    input: (graph?.input ?? []).filter(isNeeded),
    output: (graph?.output ?? []).filter(({ name }) => name === output),
    valueInfo: [],
  }
  return ModelProto.encode(Object.assign(model, { graph: part })).finish()
}

/** What a node reads, also from within the bodies of its branches and loops. */
function readBy({ input, attribute }: onnxProto.onnx.INodeProto): readonly string[] {
  const bodies = (attribute ?? []).flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])])
  return [
    ...(input ?? []),
    ...bodies.flatMap(({ node, output }) => [
      ...(node ?? []).flatMap(readBy),
      ...(output ?? []).map(({ name }) => name ?? ''),
    ]),
  ]
}
