import type onnxProto from 'onnx-proto'

export type GraphNode = {
  readonly operator: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attribute: readonly onnxProto.onnx.IAttributeProto[]
}

/** An output of the model: the name it is known by outside, and the value it shows. */
export type GraphOutput = { readonly name: string; readonly value: string }

/**
 * The nodes that the outputs need, in their order, writing under the outputs' names. A value that no node makes (an input, a
 * constant), or that two outputs show, passes through an `Identity` node.
 */
export function prune(nodes: readonly GraphNode[], outputs: readonly GraphOutput[]): readonly GraphNode[] {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)))
  const live = new Set<GraphNode>()
  const open = outputs.map(({ value }) => value)
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const maker = makers.get(value)
    if (maker === undefined || live.has(maker)) continue
    live.add(maker)
    open.push(...maker.inputs)
  }

  const renamed = new Map<string, string>()
  const copies: GraphNode[] = []
  for (const { name, value } of outputs) {
    if (makers.has(value) && !renamed.has(value)) renamed.set(value, name)
    else copies.push({ operator: 'Identity', domain: '', inputs: [value], outputs: [name], attribute: [] })
  }
  const rename = (value: string) => renamed.get(value) ?? value
  return [...nodes.filter((node) => live.has(node)), ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }))
}
