import { numpy as np } from '@jax-js/jax'
import { sigmoid, tanh } from './activations.ts'
import { linear } from './layers.ts'

type Shapes = Readonly<Record<string, readonly number[]>>

/** The arrays of one recurrent layer; `input_weight` [width, gates x hidden], `state_weight` [hidden, gates x hidden]. */
export type RecurrentWeights = {
  readonly input_weight: np.Array
  readonly input_bias: np.Array
  readonly state_weight: np.Array
  readonly state_bias: np.Array
}

const GATES = { gru: 3, lstm: 4 } as const
export type Cell = keyof typeof GATES

export const recurrentShapes = (cell: Cell, width: number, hidden: number): Shapes => ({
  input_weight: [width, GATES[cell] * hidden],
  input_bias: [GATES[cell] * hidden],
  state_weight: [hidden, GATES[cell] * hidden],
  state_bias: [GATES[cell] * hidden],
})

/** What a cell keeps from step to step: its output [batch, hidden], and an LSTM's memory. */
type State = { readonly output: np.Array; readonly memory?: np.Array }

/** "Learning Phrase Representations using RNN Encoder-Decoder", 2014, with the reset gate after the product, as cuDNN has it. */
function gruStep(fromInput: np.Array, fromState: np.Array, { output }: State): State {
  const [resetInput, updateInput, newInput] = gatesOf(fromInput, 3)
  const [resetState, updateState, newState] = gatesOf(fromState, 3)
  const reset = sigmoid(resetInput.add(resetState))
  const update = sigmoid(updateInput.add(updateState))
  const candidate = tanh(newInput.add(reset.mul(newState)))
  return { output: candidate.ref.add(update.mul(output.sub(candidate))) }
}

/** "Long Short-Term Memory", 1997, with the forget gate of 1999. */
function lstmStep(fromInput: np.Array, fromState: np.Array, { output, memory }: State): State {
  output.dispose()
  const [input, forget, candidate, out] = gatesOf(fromInput.add(fromState), 4)
  const kept = sigmoid(forget).mul(memory ?? np.zeros([1]))
  const next = kept.add(sigmoid(input).mul(tanh(candidate)))
  return { output: sigmoid(out).mul(tanh(next.ref)), memory: next }
}

function gatesOf<Count extends 3 | 4>(gates: np.Array, count: Count) {
  type Gates = Count extends 3 ? [np.Array, np.Array, np.Array] : [np.Array, np.Array, np.Array, np.Array]
  return np.split(gates, count, 1) as Gates
}

/** `after` where the mask [batch, 1] is 1, `before` where it is 0. */
const onlyWhere = (mask: np.Array, before: np.Array, after: np.Array): np.Array =>
  before.ref.add(mask.mul(after.sub(before)))

/**
 * One layer over embedded words [words, batch, width], time first so that each step reads one block; the mask [words, batch, 1] is 0 where
 * a text has ended, and its state then stays. Returns the outputs of all steps, each [batch, hidden].
 */
export function recurrent(cell: Cell, weights: RecurrentWeights, rows: np.Array, mask: np.Array): np.Array[] {
  const [words = 0, batch = 0] = rows.shape
  const [hidden = 0, gates = 0] = weights.state_weight.shape
  const inputs = linear(rows, weights.input_weight, weights.input_bias)
  const stepInputs = np.split(inputs, words, 0).map((input) => input.reshape([batch, gates]))
  const stepMasks = np.split(mask.ref, words, 0).map((step) => step.reshape([batch, 1]))
  // Made of the mask, so that the program has no array in it that is as large as the batch.
  const zeros = () => np.broadcastTo(mask.ref.sum(0).mul(0), [batch, hidden])
  let state: State = cell === 'gru' ? { output: zeros() } : { output: zeros(), memory: zeros() }
  mask.dispose()
  const outputs: np.Array[] = []
  for (const [word, input] of stepInputs.entries()) {
    const isLast = word === words - 1
    const weight = isLast ? weights.state_weight : weights.state_weight.ref
    const bias = isLast ? weights.state_bias : weights.state_bias.ref
    const fromState = linear(state.output.ref, weight, bias)
    const before = { output: state.output.ref, ...(state.memory === undefined ? {} : { memory: state.memory.ref }) }
    const after = cell === 'gru' ? gruStep(input, fromState, before) : lstmStep(input, fromState, before)
    const present = stepMasks[word] ?? np.ones([1])
    state = {
      output: onlyWhere(after.memory === undefined ? present : present.ref, state.output, after.output),
      ...(after.memory === undefined || state.memory === undefined
        ? {}
        : { memory: onlyWhere(present, state.memory, after.memory) }),
    }
    outputs.push(state.output.ref)
  }
  state.output.dispose()
  state.memory?.dispose()
  return outputs
}
