import { Array as JaxArray, type ClosedJaxpr } from '@jax-js/jax'
import { AppError } from '../../core/errors.ts'
import { elementCodes, type ElementType, type TensorData } from '../../models/onnx/elements.ts'
import { createEmitter, type SymbolicBatch } from './emitter.ts'
import { createGraph } from '../../models/onnx/graph.ts'
import { lowerElementwise } from './lower-elementwise.ts'
import { createPatterns, type Atom, type Equation, type Pattern, type Variable } from './patterns.ts'
import { rules } from './rules.ts'
import { broadcastView, product, sameSizes, shapeOf, viewOf, type View } from './view.ts'

/**
 * What an argument of the traced function becomes: an input of the model, of another element type where the file's readers
 * expect one (`int64` ids), or a trained weight.
 */
export type Argument =
  { readonly input: string; readonly type?: ElementType } | { readonly weight: string; readonly data: Float32Array }

type Lowering = {
  readonly name: string
  /** In the order of the traced function's flattened arguments; likewise the outputs. */
  readonly arguments: readonly Argument[]
  readonly outputs: readonly string[]
  readonly batch?: SymbolicBatch
}

function elementTypeFrom(type: string): ElementType {
  if (type === 'float32' || type === 'int32' || type === 'bool') return type
  throw new AppError('unsupported-lowering', `Values of type ${type} have no ONNX form here.`)
}

/** The name of the input that says how large the batch is. */
function batchInput(variables: readonly Variable[], lowering: Lowering): string | null {
  for (const [i, argument] of lowering.arguments.entries()) {
    if ('input' in argument && variables[i]?.aval.shape[0] === lowering.batch?.size) return argument.input
  }
  return null
}

const closedData = (closed: ClosedJaxpr['consts'][number]): TensorData => {
  const data: unknown = closed instanceof JaxArray ? closed.ref.dataSync() : null
  if (data instanceof Float32Array || data instanceof Int32Array) return data
  throw new AppError('unsupported-lowering', 'The program closes over an array that is neither float32 nor int32.')
}

/**
 * The traced program as an ONNX model. The rules cover the primitives that the models need; another one, or a result whose
 * shape is not the one that was traced, throws `unsupported-lowering`.
 */
export function lower(traced: ClosedJaxpr, lowering: Lowering): Uint8Array {
  const program = traced.jaxpr.flatten().simplify()
  const variables = program.inBinders.slice(traced.consts.length)
  const graph = createGraph(lowering.name)
  const emitter = createEmitter(graph, lowering.batch ?? null, batchInput(variables, lowering))
  const views = new Map<Variable, View>()

  const bindConstant = (variable: Variable, data: TensorData, name?: string) => {
    const { shape } = variable.aval
    if (data.length !== product(shape)) {
      throw new AppError('unsupported-lowering', `A constant has ${data.length} values, not [${shape.join()}].`)
    }
    const value = name === undefined ? graph.initialiser(data, shape) : graph.weight(name, data, shape)
    views.set(variable, viewOf(value, shape, elementTypeFrom(variable.aval.dtype)))
  }
  const bindInput = (variable: Variable, name: string, declaredType?: ElementType) => {
    const { shape, dtype } = variable.aval
    const type = elementTypeFrom(dtype)
    const declared = graph.input(name, declaredType ?? type, emitter.dimensions(shape))
    const same = declaredType === undefined || declaredType === type
    const value = same ? declared : graph.node('Cast', [declared], { to: elementCodes[type] })
    views.set(variable, viewOf(value, shape, type))
  }
  for (const [i, closed] of traced.consts.entries()) {
    const variable = program.inBinders[i]
    if (variable !== undefined) bindConstant(variable, closedData(closed))
  }
  for (const [i, variable] of variables.entries()) {
    const argument = lowering.arguments[i]
    if (argument === undefined) throw new AppError('unsupported-lowering', `Argument ${i} of the program has no name.`)
    if ('weight' in argument) bindConstant(variable, argument.data, argument.weight)
    else bindInput(variable, argument.input, argument.type)
  }

  const viewOfAtom = (atom: Atom): View => {
    if ('value' in atom) {
      const type = elementTypeFrom(atom.aval.dtype)
      return viewOf(emitter.scalar(atom.value, type), [], type)
    }
    const view = views.get(atom)
    if (view === undefined) throw new AppError('unsupported-lowering', 'The program uses a value before it is made.')
    return view
  }
  const lowerPattern = (pattern: Pattern, { shape, dtype }: Variable['aval']): View => {
    const type = elementTypeFrom(dtype)
    if (pattern.kind === 'same') return viewOfAtom(pattern.as)
    if (pattern.kind === 'zero') {
      const axes = shape.map((_, axis) => axis)
      return broadcastView(viewOf(emitter.scalar(0, type), [], type), shape, axes)
    }
    const { operator, operands } = pattern
    return lowerElementwise(emitter, operands.map(viewOfAtom), type, (values) => graph.node(operator, values))
  }
  const lowerPrimitive = ({ primitive, inputs, params, outBinders }: Equation): readonly View[] => {
    const rule = rules[primitive]
    if (rule === undefined) {
      throw new AppError('unsupported-lowering', `The primitive ${primitive} has no rule in rules.ts; add one.`)
    }
    const results = outBinders.map(({ aval }) => ({ shape: aval.shape, type: elementTypeFrom(aval.dtype) }))
    return rule(emitter, inputs.map(viewOfAtom), { parameters: params, results })
  }
  const recognise = createPatterns()
  for (const equation of program.eqns) {
    const pattern = recognise(equation)
    const [first] = equation.outBinders
    const lowered =
      pattern === null || first === undefined ? lowerPrimitive(equation) : [lowerPattern(pattern, first.aval)]
    for (const [i, result] of equation.outBinders.entries()) {
      const view = lowered[i]
      const { shape } = result.aval
      if (view === undefined || !sameSizes(shapeOf(view), shape)) {
        const given = view === undefined ? 'nothing' : `[${shapeOf(view).join()}]`
        throw new AppError('unsupported-lowering', `${equation.primitive} gave ${given}, not [${shape.join()}].`)
      }
      views.set(result, view)
    }
  }
  for (const [i, atom] of program.outs.entries()) {
    const name = lowering.outputs[i]
    if (name === undefined) throw new AppError('unsupported-lowering', `Output ${i} of the program has no name.`)
    const view = viewOfAtom(atom)
    graph.output(name, emitter.materialise(view), view.type, emitter.dimensions(atom.aval.shape))
  }
  return graph.encode()
}
