import { DType, lax, nn, numpy as np } from '@jax-js/jax'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  lowerForAnyBatch,
  lowerProgram,
  startJax,
  trace,
  type Program,
  type Signature,
} from '../../../src/training/lowering/trace.ts'
import { lower } from '../../../src/training/lowering/lower.ts'
import { readWeights } from '../../../src/models/onnx/read-weights.ts'
import { difference, largestDifference, runFile, runInJax, valuesFor } from './run-program.ts'

beforeAll(startJax)

type Case = readonly [name: string, signature: Signature, program: (inputs: Record<string, np.Array>) => np.Array]
const matrix = { shape: [3, 4] }
const row = { shape: [4] }
const at = (inputs: Record<string, np.Array>, name: string): np.Array => {
  const array = inputs[name]
  if (array === undefined) throw new Error(`no input ${name}`)
  return array
}
const x = (inputs: Record<string, np.Array>) => at(inputs, 'x')
const y = (inputs: Record<string, np.Array>) => at(inputs, 'y')
const whole = (value: number) => np.array(value, { dtype: DType.Int32 })
const positive = (inputs: Record<string, np.Array>) => np.square(x(inputs)).add(0.5)

const cases: readonly Case[] = [
  ['add', { x: matrix, y: matrix }, (i) => x(i).add(y(i))],
  ['add, broadcast', { x: matrix, y: row }, (i) => x(i).add(y(i))],
  ['sub', { x: matrix, y: { shape: [3, 1] } }, (i) => x(i).sub(y(i))],
  ['mul by a scalar', { x: matrix }, (i) => x(i).mul(3)],
  ['div', { x: matrix }, (i) => np.array(2).div(positive(i))],
  ['neg', { x: matrix }, (i) => np.negative(x(i))],
  ['min', { x: matrix, y: matrix }, (i) => np.minimum(x(i), y(i))],
  ['max', { x: matrix, y: row }, (i) => np.maximum(x(i), y(i))],
  ['exp', { x: matrix }, (i) => np.exp(x(i))],
  // jax-js' own logarithm is good to 1e-5 only.
  ['log', { x: matrix }, (i) => np.log(positive(i)).mul(0.5)],
  ['sqrt', { x: matrix }, (i) => np.sqrt(positive(i))],
  ['where and compare', { x: matrix, y: matrix }, (i) => np.where(np.less(x(i).ref, y(i).ref), x(i), y(i))],
  [
    'equal, as numbers',
    { x: { shape: [6], type: 'int32' }, y: { shape: [6], type: 'int32' } },
    (i) => np.equal(x(i), y(i)).astype(DType.Float32),
  ],
  [
    'not equal, as numbers',
    { x: { shape: [6], type: 'int32' }, y: { shape: [6], type: 'int32' } },
    (i) => np.notEqual(x(i), y(i)).astype(DType.Float32),
  ],
  ['less or equal', { x: matrix, y: row }, (i) => np.lessEqual(x(i), y(i)).astype(DType.Float32)],
  ['cast', { x: { shape: [6], type: 'int32' } }, (i) => x(i).astype(DType.Float32).mul(0.5)],
  ['stop_gradient', { x: matrix }, (i) => lax.stopGradient(x(i)).mul(2)],
  ['transpose', { x: { shape: [2, 3, 4] } }, (i) => np.transpose(x(i), [2, 0, 1])],
  ['transposed operands', { x: matrix, y: { shape: [4, 3] } }, (i) => x(i).add(np.transpose(y(i)))],
  ['alike transposed operands', { x: matrix, y: matrix }, (i) => np.transpose(x(i)).add(np.transpose(y(i)))],
  ['reshape', { x: { shape: [2, 6] } }, (i) => x(i).reshape([3, 4]).mul(2)],
  ['reshape of a transpose', { x: { shape: [2, 6] } }, (i) => np.transpose(x(i)).reshape([3, 4]).mul(2)],
  [
    'broadcast then reshape',
    { x: { shape: [2, 3] } },
    (i) =>
      np
        .broadcastTo(x(i).reshape([2, 1, 3]), [2, 4, 3])
        .reshape([8, 3])
        .mul(2),
  ],
  ['reduce sum', { x: { shape: [2, 3, 4] } }, (i) => x(i).sum([0, 2])],
  ['reduce sum of a broadcast', { x: row }, (i) => np.broadcastTo(x(i), [3, 4]).sum(0)],
  ['reduce max', { x: matrix }, (i) => np.max(x(i), 1)],
  ['reduce max of a broadcast', { x: row }, (i) => np.max(np.broadcastTo(x(i), [3, 4]), 0)],
  ['reduce min of a transpose', { x: matrix }, (i) => np.min(np.transpose(x(i)), 0)],
  ['mean', { x: matrix }, (i) => x(i).mean(-1, { keepdims: true })],
  ['softmax', { x: matrix }, (i) => nn.softmax(x(i), 0)],
  ['dot of matrices', { x: matrix, y: { shape: [4, 5] } }, (i) => np.matmul(x(i), y(i))],
  ['dot, left transposed', { x: { shape: [4, 3] }, y: { shape: [4, 5] } }, (i) => np.matmul(np.transpose(x(i)), y(i))],
  ['dot, right transposed', { x: matrix, y: { shape: [5, 4] } }, (i) => np.matmul(x(i), np.transpose(y(i)))],
  [
    'dot, both transposed',
    { x: { shape: [4, 3] }, y: { shape: [5, 4] } },
    (i) => np.matmul(np.transpose(x(i)), np.transpose(y(i))),
  ],
  ['dot, used transposed', { x: matrix, y: { shape: [4, 5] } }, (i) => np.transpose(np.matmul(x(i), y(i))).mul(2)],
  ['dot of a matrix and a vector', { x: matrix, y: row }, (i) => np.matmul(x(i), y(i))],
  ['dot of vectors', { x: row, y: row }, (i) => np.dot(x(i), y(i))],
  ['dot of batches', { x: { shape: [2, 3, 4] }, y: { shape: [2, 4, 5] } }, (i) => np.matmul(x(i), y(i))],
  ['dot of a batch with one matrix', { x: { shape: [2, 3, 4] }, y: { shape: [4, 5] } }, (i) => np.matmul(x(i), y(i))],
  [
    'dot over two axes',
    { x: { shape: [2, 3, 4] }, y: { shape: [5, 12] } },
    (i) => np.matmul(x(i).reshape([2, 12]), np.transpose(y(i))),
  ],
  [
    'dot with a repeated operand',
    { x: row, y: { shape: [4, 5] } },
    (i) => np.matmul(np.broadcastTo(x(i), [3, 4]), y(i)),
  ],
  [
    'dot over a repeated axis',
    { x: { shape: [3, 1] }, y: { shape: [4, 5] } },
    (i) => np.matmul(np.broadcastTo(x(i), [3, 4]), y(i)),
  ],
  ['concatenate', { x: matrix, y: { shape: [3, 2] } }, (i) => np.concatenate([x(i), y(i)], 1)],
  ['concatenate transposed', { x: matrix, y: { shape: [5, 3] } }, (i) => np.concatenate([np.transpose(x(i)), y(i)], 0)],
  [
    'split',
    { x: { shape: [3, 6] } },
    (i) => {
      const [first, second, third] = np.split(x(i), 3, 1) as [np.Array, np.Array, np.Array]
      return first.mul(second).add(third)
    },
  ],
  ['split, one part unused', { x: { shape: [4, 3] } }, (i) => (np.split(x(i), 2, 0) as [np.Array, np.Array])[1].mul(2)],
  ['slice', { x: { shape: [3, 6] } }, (i) => x(i).slice([1, 3], [2, 5])],
  [
    'pad',
    { x: matrix },
    (i) =>
      np.pad(x(i), [
        [1, 2],
        [0, 1],
      ]),
  ],
  ['erf', { x: matrix }, (i) => lax.erf(x(i))],
  ['floor', { x: matrix }, (i) => np.floor(x(i).mul(3))],
  [
    'remainders of either sign',
    { x: { shape: [12], type: 'int32' } },
    (i) => np.remainder(x(i).mul(whole(5)).sub(whole(7)), whole(3)).astype(DType.Float32),
  ],
  ['remainders of numbers', { x: matrix }, (i) => np.remainder(x(i).mul(5), 0.75)],
  ['sine and cosine', { x: matrix }, (i) => np.sin(x(i).ref).add(np.cos(x(i)))],
  ['logistic function', { x: matrix }, (i) => nn.sigmoid(x(i).mul(4))],
  ['division by a logistic function', { x: matrix, y: matrix }, (i) => y(i).div(nn.sigmoid(x(i)))],
  [
    'difference of equals',
    { x: matrix, y: matrix },
    (i) =>
      x(i)
        .ref.sub(lax.stopGradient(x(i)))
        .mul(y(i).ref)
        .add(y(i)),
  ],
  ['only zeros', { x: matrix }, (i) => np.transpose(x(i).ref.sub(x(i))).sum(0)],
  ['gather of rows', { x: { shape: [4, 3] }, y: { shape: [2, 5], type: 'int32' } }, (i) => np.take(x(i), y(i), 0)],
  [
    'a constant closed over',
    { x: matrix },
    (i) =>
      np.matmul(
        x(i),
        np.array([
          [1, 2],
          [3, 4],
          [5, 6],
          [7, 8],
        ]),
      ),
  ],
]

describe('lowering', () => {
  it.each(cases)('%s', async (_, signature, program) => {
    expect(await difference((inputs) => ({ result: program(inputs) }), signature)).toBeLessThan(1e-5)
  })

  it('agrees with jax-js on chains of views, sums and products', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('transpose' as const), seed: fc.nat(5) }),
      fc.record({ kind: fc.constant('reshape' as const), seed: fc.nat(5) }),
      fc.record({ kind: fc.constant('repeat' as const), seed: fc.nat(5) }),
      fc.record({ kind: fc.constant('sum' as const), seed: fc.nat(5) }),
      fc.record({ kind: fc.constant('add itself transposed' as const), seed: fc.nat(5) }),
      fc.record({ kind: fc.constant('matmul' as const), seed: fc.nat(5) }),
    )
    const apply = (array: np.Array, { kind, seed }: { kind: string; seed: number }): np.Array => {
      const { shape } = array
      const axis = shape.length === 0 ? 0 : seed % shape.length
      const elements = shape.reduce((total, size) => total * size, 1)
      if (shape.length === 0) return array.mul(2)
      if (kind === 'transpose') return np.moveaxis(array, axis, 0)
      if (kind === 'reshape') return array.reshape(elements % 4 === 0 ? [elements / 4, 2, 2] : [elements, 1])
      if (kind === 'sum') return shape.length > 1 ? array.sum(axis) : array
      if (elements > 500) return array.mul(0.5)
      if (kind === 'repeat') return np.broadcastTo(array.reshape([1, ...shape]), [2, ...shape])
      const flat = array.ref.reshape([shape[0] ?? 1, elements / (shape[0] ?? 1)])
      if (kind === 'matmul') {
        array.dispose()
        return np.matmul(flat.ref, np.transpose(flat))
      }
      return array.add(np.transpose(flat).mul(2).reshape(shape))
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 7 }), async (steps) => {
        const program: Program = (inputs) => ({
          result: steps.reduce((array, next) => apply(array, next).mul(0.5), x(inputs)),
        })
        expect(await difference(program, { x: { shape: [2, 6, 3] } })).toBeLessThan(1e-3)
      }),
      { numRuns: 60 },
    )
  })

  it('refuses a primitive without a rule, and an array that does not fit its argument', () => {
    const sorted: Program = (inputs) => ({ result: np.sort(x(inputs)) })
    expect(() => lowerProgram('sorted', sorted, { x: row })).toThrow(
      expect.objectContaining({ code: 'unsupported-lowering' }),
    )
    const { program, outputs } = trace((inputs) => ({ result: x(inputs).mul(2) }), { x: row })
    const wrong = [{ weight: 'x', data: new Float32Array(3) }]
    expect(() => lower(program, { name: 'wrong', arguments: wrong, outputs })).toThrow('not [4]')
  })

  it('leaves the batch open, and keeps weights under their names', async () => {
    const program: Program = (inputs) => ({
      result: np
        .matmul(x(inputs).reshape([-1, 4]), y(inputs))
        .add(1)
        .reshape([-1, 2, 5]),
    })
    const signature = (batch: number) => ({ x: { shape: [batch, 2, 4] }, y: { shape: [4, 5] } })
    const values = valuesFor(signature(1))
    const weight = { weight: 'y', data: values['y'] as Float32Array }
    const file = lowerForAnyBatch('any', program, signature, { y: weight })
    expect(readWeights(file).get('y')).toEqual(values['y'])
    for (const batch of [1, 2, 7]) {
      const all = { ...valuesFor(signature(batch)), y: weight.data }
      const expected = await runInJax(program, signature(batch), all)
      expect(largestDifference(expected, await runFile(file, { x: { shape: [batch, 2, 4] } }, all))).toBeLessThan(1e-5)
    }
  })

  it('refuses a program whose meaning depends on the batch', () => {
    const mean: Program = (inputs) => ({ result: x(inputs).sub(x(inputs).ref.mean(0)) })
    expect(() => lowerForAnyBatch('mean', mean, (batch) => ({ x: { shape: [batch, 3] } }))).toThrow(
      expect.objectContaining({ code: 'unsupported-lowering' }),
    )
  })
})
