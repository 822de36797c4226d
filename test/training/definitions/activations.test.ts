import { grad, nn, numpy as np } from '@jax-js/jax'
import onnxProto from 'onnx-proto'
import { beforeAll, describe, expect, it } from 'vitest'
import { quickGelu, sigmoid, tanh } from '../../../src/training/definitions/activations.ts'
import { lowerProgram, startJax, type Program } from '../../../src/training/lowering/trace.ts'
import { largestDifference, runFile, runInJax, type Values } from '../lowering/run-program.ts'

beforeAll(startJax)

const operatorsOf = (file: Uint8Array): (string | null | undefined)[] =>
  (onnxProto.onnx.ModelProto.decode(file).graph?.node ?? []).map(({ opType }) => opType)

const inputs = Float32Array.of(-200, -100, -20, -3, -0.5, 0, 0.25, 1, 7, 30, 100, 200)
const signature = { x: { shape: [inputs.length] } }
const at = (record: Record<string, np.Array>) => record['x'] ?? np.zeros([0])
type Activation = (x: np.Array) => np.Array
const gradientOf =
  (activation: Activation): Program =>
  (record) => ({ slope: grad((x: np.Array) => activation(x).sum())(at(record)) })

const logistic = (x: number) => 1 / (1 + Math.exp(-x))
const cases: readonly (readonly [string, Activation, (x: number) => number, (x: number) => number])[] = [
  ['sigmoid', sigmoid, logistic, (x) => logistic(x) * logistic(-x)],
  ['tanh', tanh, Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  [
    'quickGelu',
    quickGelu,
    (x) => x * logistic(1.702 * x),
    (x) => logistic(1.702 * x) + 1.702 * x * logistic(1.702 * x) * logistic(-1.702 * x),
  ],
]

describe.each(cases)('%s', (name, activation, value, slope) => {
  it('has the values and the derivative of the definition, also far out', async () => {
    const values: Values = { x: inputs }
    const program: Program = (record) => ({ value: activation(at(record)) })
    for (const run of [
      (of: Program) => runInJax(of, signature, values),
      (of: Program) => runFile(lowerProgram(name, of, signature), signature, values),
    ]) {
      expect(largestDifference({ value: inputs.map(value) }, await run(program))).toBeLessThan(2e-6)
      expect(largestDifference({ slope: inputs.map(slope) }, await run(gradientOf(activation)))).toBeLessThan(2e-6)
    }
  })
})

describe('activations in ONNX', () => {
  it('take one node each, and their derivatives no more than they are written with', () => {
    const count = (program: Program) => operatorsOf(lowerProgram('program', program, signature))
    expect(count((record) => ({ value: sigmoid(at(record)) }))).toEqual(['Sigmoid'])
    expect(count((record) => ({ value: tanh(at(record)) }))).toEqual(['Tanh'])
    expect(count((record) => ({ value: nn.sigmoid(at(record)) }))).toEqual(['Sigmoid'])
    const times = np.array([...inputs])
    const weighted: Program = (record) => ({
      slope: grad((x: np.Array) => sigmoid(x).mul(times.ref).sum())(at(record)),
    })
    expect(count(weighted)).toEqual(['Sigmoid', 'Sub', 'Mul', 'Mul'])
  })
})
