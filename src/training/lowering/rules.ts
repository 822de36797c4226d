import { AppError } from '../../core/errors.ts'
import { elementCodes, type ElementType } from '../../models/onnx/elements.ts'
import type { Emitter } from './emitter.ts'
import { lowerDot } from './lower-dot.ts'
import { lowerElementwise, lowerReduce } from './lower-elementwise.ts'
import { broadcastView, reshapeView, sameSizes, shapeOf, transposeView, viewOf, type View } from './view.ts'

type Result = { readonly shape: readonly number[]; readonly type: ElementType }
/** What the trace says of a step beyond its operands: the primitive's parameters, and what its results are. */
type Step = { readonly parameters: Readonly<Record<string, unknown>>; readonly results: readonly Result[] }
type Rule = (emitter: Emitter, operands: readonly View[], step: Step) => readonly View[]
/** A rule for a primitive with one result. */
type SimpleRule = (emitter: Emitter, operands: readonly View[], step: Result & Pick<Step, 'parameters'>) => View
type Parameters = Pick<Step, 'parameters'>

const list = (step: Parameters, name: string) => step.parameters[name] as readonly number[]
const text = (step: Parameters, name: string) => String(step.parameters[name])

function operand(operands: readonly View[], position = 0): View {
  const view = operands[position]
  if (view === undefined) throw new AppError('unsupported-lowering', `A step has no operand ${position}.`)
  return view
}

const elementwise =
  (operator: string, attributes: Readonly<Record<string, number>> = {}): SimpleRule =>
  (emitter, operands, step) =>
    lowerElementwise(emitter, operands, step.type, (values) => emitter.graph.node(operator, values, attributes))

const comparisons: Readonly<Record<string, string>> = { less: 'Less', less_equal: 'LessOrEqual', equal: 'Equal' }
const reductions: Readonly<Record<string, string>> = { Add: 'ReduceSum', Max: 'ReduceMax', Min: 'ReduceMin' }

function named(table: Readonly<Record<string, string>>, step: Parameters): string {
  const operator = table[text(step, 'op')]
  if (operator === undefined) throw new AppError('unsupported-lowering', `There is no rule for ${text(step, 'op')}.`)
  return operator
}

/** Rows of a table, chosen by one array of indices that takes the place of the table's first axis. */
const gather: SimpleRule = (emitter, operands, step) => {
  if (operands.length !== 2 || !sameSizes(list(step, 'axis'), [0]) || step.parameters['outDim'] !== 0) {
    throw new AppError('unsupported-lowering', 'Only rows can be gathered: one array of indices, along the first axis.')
  }
  const values = operands.map((view) => emitter.materialise(view))
  return viewOf(emitter.graph.node('Gather', values, { axis: 0 }), step.shape, step.type)
}

const reshape: SimpleRule = (emitter, operands, step) => {
  const view = operand(operands)
  const read = reshapeView(view, step.shape)
  if (read !== null) return read
  return viewOf(emitter.reshape(emitter.materialise(view), shapeOf(view), step.shape), step.shape, step.type)
}

/** A view with exactly the elements of a node's output. */
const stored = (value: string, { shape, type }: Result): View => viewOf(value, shape, type)

const pairs = (step: Parameters, name: string) => step.parameters[name] as readonly (readonly [number, number])[]

const concatenate: SimpleRule = (emitter, operands, step) => {
  const values = operands.map((view) => emitter.materialise(view))
  return stored(emitter.graph.node('Concat', values, { axis: Number(step.parameters['axis']) }), step)
}

/** From `start` up to `end` on every axis. */
const shrink: SimpleRule = (emitter, operands, step) => {
  const view = operand(operands)
  const whole = shapeOf(view)
  const cut = pairs(step, 'slice').flatMap(([start, end], axis) =>
    start === 0 && end === whole[axis] ? [] : [{ axis, start, end }],
  )
  const { integers, node } = emitter.graph
  const bounds = [cut.map(({ start }) => start), cut.map(({ end }) => end), cut.map(({ axis }) => axis)].map(integers)
  return stored(node('Slice', [emitter.materialise(view), ...bounds]), step)
}

const pad: SimpleRule = (emitter, operands, step) => {
  const widths = pairs(step, 'width')
  const around = [...widths.map(([before]) => before), ...widths.map(([, after]) => after)]
  return stored(
    emitter.graph.node('Pad', [emitter.materialise(operand(operands)), emitter.graph.integers(around)]),
    step,
  )
}

const split: Rule = (emitter, operands, { parameters, results }) => {
  const sizes = list({ parameters }, 'sizes')
  const inputs = [emitter.materialise(operand(operands)), emitter.graph.integers(sizes)]
  const values = emitter.graph.nodes('Split', inputs, sizes.length, { axis: Number(parameters['axis']) })
  return results.map((result, i) => stored(values[i] ?? '', result))
}

const simpleRules: Readonly<Record<string, SimpleRule>> = {
  add: elementwise('Add'),
  mul: elementwise('Mul'),
  min: elementwise('Min'),
  max: elementwise('Max'),
  neg: elementwise('Neg'),
  reciprocal: elementwise('Reciprocal'),
  exp: elementwise('Exp'),
  log: elementwise('Log'),
  sqrt: elementwise('Sqrt'),
  erf: elementwise('Erf'),
  floor: elementwise('Floor'),
  // The sign of the dividend, as in JavaScript.
  mod: elementwise('Mod', { fmod: 1 }),
  sin: elementwise('Sin'),
  cos: elementwise('Cos'),
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
  concatenate,
  shrink,
  pad,
}

const simple =
  (rule: SimpleRule): Rule =>
  (emitter, operands, { parameters, results }) =>
    results.map((result) => rule(emitter, operands, { parameters, ...result }))

/** The ONNX form of each of jax-js' primitives that the models use. */
export const rules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(Object.entries(simpleRules).map(([primitive, rule]) => [primitive, simple(rule)])),
  split,
}
