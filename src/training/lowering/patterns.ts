import type { Jaxpr } from '@jax-js/jax'
import { sameSizes } from './view.ts'

export type Equation = Jaxpr['eqns'][number]
export type Atom = Equation['inputs'][number]
export type Variable = Equation['outBinders'][number]

/** What an equation amounts to, where that is less than its primitive says. */
export type Pattern =
  | { readonly kind: 'zero' }
  | { readonly kind: 'same'; readonly as: Atom }
  /** One element-wise operator of ONNX in place of several primitives. */
  | { readonly kind: 'operator'; readonly operator: string; readonly operands: readonly Atom[] }

const nameOf = ({ primitive }: Equation): string => primitive

/** Primitives that give zeros where their first operand is zero. */
const keepZeros = new Set<string>([
  'neg',
  'stop_gradient',
  'reshape',
  'transpose',
  'broadcast',
  'cast',
  'shrink',
  'flip',
])

/**
 * Finds such equations, asked for one after another in the order of the program. Exact in real numbers; zeros are found because a
 * derivative that is written out (`withSlope`) adds `x - x`, and because jax-js multiplies with the tangents of constants.
 */
export function createPatterns(): (equation: Equation) => Pattern | null {
  const definitions = new Map<Atom, Equation>()
  const aliases = new Map<Atom, Atom>()
  const zeros = new Set<Atom>()

  const plain = (atom: Atom | undefined): Atom | undefined =>
    atom === undefined ? undefined : (aliases.get(atom) ?? atom)
  const definition = (atom: Atom | undefined, primitive: string): Equation | null => {
    const found = atom === undefined ? undefined : definitions.get(plain(atom) ?? atom)
    return found !== undefined && nameOf(found) === primitive ? found : null
  }
  const isLiteral = (atom: Atom | undefined, value: number): boolean =>
    atom !== undefined && 'value' in atom && atom.value === value
  const isZero = (atom: Atom | undefined): boolean =>
    atom !== undefined && (isLiteral(atom, 0) || zeros.has(plain(atom) ?? atom))
  const isOne = (atom: Atom | undefined): boolean =>
    isLiteral(atom, 1) || isLiteral(definition(atom, 'broadcast')?.inputs[0], 1)

  /** The other operand of a sum or product with the number `value`. */
  const besides = (equation: Equation | null, value: number): Atom | undefined => {
    const [a, b] = equation?.inputs ?? []
    if (isLiteral(a, value)) return b
    return isLiteral(b, value) ? a : undefined
  }
  const operator = (name: string, ...operands: (Atom | undefined)[]): Pattern | null => {
    const known = operands.flatMap((operand) => operand ?? [])
    return known.length === operands.length ? { kind: 'operator', operator: name, operands: known } : null
  }

  /** 1 / (exp(-x) + 1). */
  function sigmoid(equation: Equation): Pattern | null {
    const exponential = definition(besides(definition(equation.inputs[0], 'add'), 1), 'exp')
    return operator('Sigmoid', definition(exponential?.inputs[0], 'neg')?.inputs[0])
  }
  /** 2 sigmoid(2 x) - 1. */
  function tanh(equation: Equation): Pattern | null {
    const inner = definition(besides(definition(besides(equation, -1), 'mul'), 2), 'reciprocal')
    const sigmoided = inner === null ? null : sigmoid(inner)
    if (sigmoided?.kind !== 'operator') return null
    return operator('Tanh', besides(definition(sigmoided.operands[0], 'mul'), 2))
  }

  function sum(equation: Equation): Pattern | null {
    const [a, b] = equation.inputs
    if (isZero(a) && isZero(b)) return { kind: 'zero' }
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      if (one === undefined || other === undefined) continue
      if (isZero(one) && sameSizes(other.aval.shape, equation.outBinders[0]?.aval.shape ?? [])) {
        return { kind: 'same', as: other }
      }
      const negated = plain(definition(one, 'neg')?.inputs[0])
      if (negated === undefined) continue
      return negated === plain(other) ? { kind: 'zero' } : operator('Sub', other, negated)
    }
    return tanh(equation)
  }

  function productOf(equation: Equation): Pattern | null {
    const [a, b] = equation.inputs
    if (isZero(a) || isZero(b)) return { kind: 'zero' }
    for (const [one, other] of [
      [a, b],
      [b, a],
    ]) {
      if (other === undefined || !isOne(one)) continue
      if (sameSizes(other.aval.shape, equation.outBinders[0]?.aval.shape ?? [])) return { kind: 'same', as: other }
    }
    const divisor = (atom: Atom | undefined): Atom | undefined => {
      const reciprocal = definition(atom, 'reciprocal')
      return reciprocal === null || sigmoid(reciprocal) !== null ? undefined : reciprocal.inputs[0]
    }
    return operator('Div', a, divisor(b)) ?? operator('Div', b, divisor(a))
  }

  function recognise(equation: Equation): Pattern | null {
    const { inputs, outBinders } = equation
    const primitive = nameOf(equation)
    const type: string | undefined = outBinders[0]?.aval.dtype
    if (keepZeros.has(primitive) && isZero(inputs[0])) return { kind: 'zero' }
    if (primitive === 'reduce' && equation.params['op'] === 'Add' && isZero(inputs[0])) return { kind: 'zero' }
    if (primitive === 'dot' && inputs.some(isZero)) return { kind: 'zero' }
    if (type !== 'float32') return null
    if (primitive === 'reciprocal') return sigmoid(equation)
    if (primitive === 'add') return sum(equation)
    return primitive === 'mul' ? productOf(equation) : null
  }

  return (equation) => {
    const pattern = recognise(equation)
    const [result] = equation.outBinders
    if (result === undefined || equation.outBinders.length > 1) return null
    definitions.set(result, equation)
    const [source] = equation.inputs
    if (pattern?.kind === 'zero') zeros.add(result)
    if (pattern?.kind === 'same') aliases.set(result, plain(pattern.as) ?? pattern.as)
    if (nameOf(equation) === 'stop_gradient' && source !== undefined) aliases.set(result, plain(source) ?? source)
    return pattern
  }
}
