import { AppError } from '../../core/errors.ts'
import { elementCodes, type ElementType } from './elements.ts'
import type { Emitter } from './emitter.ts'
import { lowerDot } from './lower-dot.ts'
import { lowerElementwise, lowerReduce } from './lower-elementwise.ts'
import { broadcastView, reshapeView, sameSizes, shapeOf, transposeView, viewOf, type View } from './view.ts'

/** What the trace says of a step beyond its operands: the primitive's parameters, and the shape and type of its result. */
type Step = {
  readonly parameters: Readonly<Record<string, unknown>>
  readonly shape: readonly number[]
  readonly type: ElementType
}
type Rule = (emitter: Emitter, operands: readonly View[], step: Step) => View

const list = (step: Step, name: string) => step.parameters[name] as readonly number[]
const text = (step: Step, name: string) => String(step.parameters[name])

function operand(operands: readonly View[], position = 0): View {
  const view = operands[position]
  if (view === undefined) throw new AppError('unsupported-lowering', `A step has no operand ${position}.`)
  return view
}

const elementwise =
  (operator: string): Rule =>
  (emitter, operands, step) =>
    lowerElementwise(emitter, operands, step.type, (values) => emitter.graph.node(operator, values))

const comparisons: Readonly<Record<string, string>> = { less: 'Less', less_equal: 'LessOrEqual', equal: 'Equal' }
const reductions: Readonly<Record<string, string>> = { Add: 'ReduceSum', Max: 'ReduceMax', Min: 'ReduceMin' }

function named(table: Readonly<Record<string, string>>, step: Step): string {
  const operator = table[text(step, 'op')]
  if (operator === undefined) throw new AppError('unsupported-lowering', `There is no rule for ${text(step, 'op')}.`)
  return operator
}

/** Rows of a table, chosen by one array of indices that takes the place of the table's first axis. */
const gather: Rule = (emitter, operands, step) => {
  if (operands.length !== 2 || !sameSizes(list(step, 'axis'), [0]) || step.parameters['outDim'] !== 0) {
    throw new AppError('unsupported-lowering', 'Only rows can be gathered: one array of indices, along the first axis.')
  }
  const values = operands.map((view) => emitter.materialise(view))
  return viewOf(emitter.graph.node('Gather', values, { axis: 0 }), step.shape, step.type)
}

const reshape: Rule = (emitter, operands, step) => {
  const view = operand(operands)
  const read = reshapeView(view, step.shape)
  if (read !== null) return read
  return viewOf(emitter.reshape(emitter.materialise(view), shapeOf(view), step.shape), step.shape, step.type)
}

/** The ONNX form of each of jax-js' primitives that the models use. */
export const rules: Readonly<Record<string, Rule>> = {
  add: elementwise('Add'),
  mul: elementwise('Mul'),
  min: elementwise('Min'),
  max: elementwise('Max'),
  neg: elementwise('Neg'),
  reciprocal: elementwise('Reciprocal'),
  exp: elementwise('Exp'),
  log: elementwise('Log'),
  sqrt: elementwise('Sqrt'),
  where: elementwise('Where'),
  compare: (emitter, operands, step) =>
    lowerElementwise(emitter, operands, 'bool', (values) =>
      text(step, 'op') === 'not_equal'
        ? emitter.graph.node('Not', [emitter.graph.node('Equal', values)])
        : emitter.graph.node(named(comparisons, step), values),
    ),
  cast: (emitter, operands, step) =>
    lowerElementwise(emitter, operands, step.type, (values) =>
      emitter.graph.node('Cast', values, { to: elementCodes[step.type] }),
    ),
  stop_gradient: (_, operands) => operand(operands),
  transpose: (_, operands, step) => transposeView(operand(operands), list(step, 'perm')),
  broadcast: (_, operands, step) => broadcastView(operand(operands), step.shape, list(step, 'axis')),
  reshape,
  reduce: (emitter, operands, step) =>
    lowerReduce(emitter, operand(operands), list(step, 'axis'), named(reductions, step)),
  dot: (emitter, operands) => lowerDot(emitter, operand(operands), operand(operands, 1)),
  gather,
}
