import onnxProto from 'onnx-proto'
import { bytesOf, elementCodes, elementTypeOf, type ElementType, type TensorData } from './elements.ts'
import { prune, type GraphNode, type GraphOutput } from './prune.ts'

const { ModelProto, AttributeProto } = onnxProto.onnx
type AttributeMessage = onnxProto.onnx.IAttributeProto

/** A number is a fixed size; a text names a symbolic one, such as `batch`. */
export type Dimension = number | string
type Shape = readonly Dimension[]

/** An integer, a text, a list of integers, or a float said to be one: `1` alone would be ambiguous. */
type Attribute =
  number | string | readonly number[] | { readonly float: number } | { readonly floats: readonly number[] }
type Attributes = Readonly<Record<string, Attribute>>

/** The operator set whose definitions the nodes follow, and Microsoft's own domain for fused operators. */
const OPERATOR_SET = 18
const MICROSOFT_DOMAIN = 'com.microsoft'

/**
 * Writes an ONNX model. Values are known by name: every method that makes one returns its name. Nodes that would compute the same
 * thing twice are written once, and what no output needs is left out of the file.
 */
export type GraphBuilder = {
  /** Declares an input of the model. */
  input(name: string, type: ElementType, shape: Shape): string
  /** A constant; `type` only where the array does not say it (`bool`). */
  initialiser(data: TensorData, shape: readonly number[], type?: ElementType): string
  /** A constant that readers of the file shall find under its name, such as a trained weight. */
  weight(name: string, data: TensorData, shape: readonly number[]): string
  /** A one-dimensional int64 constant, as shapes and axes are given. */
  integers(values: readonly number[]): string
  /** A node with one output, whose name is returned. An optional input that is left out is `''`. */
  node(operator: string, inputs: readonly string[], attributes?: Attributes, domain?: string): string
  /** A node with several outputs. */
  nodes(operator: string, inputs: readonly string[], outputs: number, attributes?: Attributes): readonly string[]
  /** Declares `value` to be an output of the model under `name`. */
  output(name: string, value: string, type: ElementType, shape: Shape): void
  /** The model as an ONNX file. */
  encode(): Uint8Array
}

function attributeMessage(name: string, value: Attribute): AttributeMessage {
  const types = AttributeProto.AttributeType
  if (typeof value === 'string') return { name, type: types.STRING, s: new TextEncoder().encode(value) }
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) throw new TypeError(`attribute ${name}: write { float: ${value} }`)
    return { name, type: types.INT, i: value }
  }
  if ('float' in value) return { name, type: types.FLOAT, f: value.float }
  if ('floats' in value) return { name, type: types.FLOATS, floats: [...value.floats] }
  return { name, type: types.INTS, ints: [...value] }
}

const valueMessage = (name: string, type: ElementType, shape: Shape): onnxProto.onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: elementCodes[type],
      shape: { dim: shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })) },
    },
  },
})

/** Small constants repeat (axes, shapes, scalars); larger ones are not worth comparing. */
const SHARED_CONSTANT_BYTES = 1024

export function createGraph(name: string): GraphBuilder {
  const nodes: GraphNode[] = []
  const inputs: onnxProto.onnx.IValueInfoProto[] = []
  const initialisers: onnxProto.onnx.ITensorProto[] = []
  const outputs: (GraphOutput & { readonly message: onnxProto.onnx.IValueInfoProto })[] = []
  const known = new Map<string, readonly string[]>()
  let names = 0

  const once = (key: string, make: () => readonly string[]): readonly string[] => {
    let made = known.get(key)
    if (made === undefined) known.set(key, (made = make()))
    return made
  }
  const first = (list: readonly string[]): string => list[0] ?? ''

  const addNodes: GraphBuilder['nodes'] = (operator, nodeInputs, count, attributes = {}) =>
    addNode(operator, nodeInputs, count, attributes, '')

  function addNode(operator: string, from: readonly string[], count: number, attributes: Attributes, domain: string) {
    return once(JSON.stringify([domain, operator, from, count, attributes]), () => {
      const made = Array.from({ length: count }, () => `v${names++}`)
      const attribute = Object.entries(attributes).map(([key, value]) => attributeMessage(key, value))
      nodes.push({ operator, domain, inputs: [...from], outputs: made, attribute })
      return made
    })
  }

  function addInitialiser(data: TensorData, shape: readonly number[], type = elementTypeOf(data)): string {
    const make = () => [store(`c${names++}`, data, shape, type)]
    if (data.byteLength > SHARED_CONSTANT_BYTES) return first(make())
    return first(once(JSON.stringify([type, shape, Buffer.from(bytesOf(data)).toString('base64')]), make))
  }

  const store = (constant: string, data: TensorData, shape: readonly number[], type: ElementType): string => {
    initialisers.push({ name: constant, dataType: elementCodes[type], dims: [...shape], rawData: bytesOf(data) })
    return constant
  }

  return {
    input(inputName, type, shape) {
      inputs.push(valueMessage(inputName, type, shape))
      return inputName
    },
    initialiser: addInitialiser,
    weight: (weight, data, shape) => store(weight, data, shape, elementTypeOf(data)),
    integers: (values) => addInitialiser(BigInt64Array.from(values, BigInt), [values.length]),
    node: (operator, from, attributes = {}, domain = '') => first(addNode(operator, from, 1, attributes, domain)),
    nodes: addNodes,
    output(outputName, value, type, shape) {
      outputs.push({ name: outputName, value, message: valueMessage(outputName, type, shape) })
    },
    encode() {
      const live = prune(nodes, outputs)
      const used = new Set(live.flatMap((node) => node.inputs))
      return ModelProto.encode({
        irVersion: 8,
        producerName: 'pairstream',
        opsetImport: [
          { domain: '', version: OPERATOR_SET },
          { domain: MICROSOFT_DOMAIN, version: 1 },
        ],
        graph: {
          name,
          input: inputs,
          output: outputs.map((output) => output.message),
          initializer: initialisers.filter((constant) => used.has(constant.name ?? '')),
          node: live.map((node) => ({
            opType: node.operator,
            domain: node.domain,
            input: [...node.inputs],
            output: [...node.outputs],
            attribute: [...node.attribute],
          })),
        },
      }).finish()
    },
  }
}
