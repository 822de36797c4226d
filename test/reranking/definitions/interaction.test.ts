import { grad, numpy as np } from '@jax-js/jax'
import { beforeAll, describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/ids.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { binaryCrossEntropy } from '../../../src/reranking/definitions/interaction.ts'
import {
  interactionFile,
  interactionStep,
  interactionStepSignature,
} from '../../../src/reranking/definitions/interaction-programs.ts'
import {
  interactionShapes,
  KERNEL_CENTRES,
  KERNEL_WIDTHS,
} from '../../../src/reranking/definitions/interaction-shape.ts'
import { initialInteraction } from '../../../src/reranking/interaction-session.ts'
import type { Weights } from '../../../src/training/definitions/serving.ts'
import { gradientOf } from '../../../src/training/definitions/training-step.ts'
import { lowerProgram, startJax, type Program } from '../../../src/training/lowering/trace.ts'
import {
  largestDifference,
  runFile,
  runInJax,
  slopesOf,
  valuesFor,
  type Values,
} from '../../training/lowering/run-program.ts'

beforeAll(startJax)

const BATCH = 4
const shape = { stateWidth: 6, maxTokens: 3, projectionWidth: 5, hiddenWidth: 4 }
const trained = Object.keys(interactionShapes(shape))
const signature = interactionStepSignature(shape, BATCH)

/** Texts of one to three tokens; every other pair belongs together. */
function batchValues(seed: number): Values {
  const mask = (by: number) =>
    Float32Array.from({ length: BATCH * 3 }, (_, i) => (i % 3 <= (Math.floor(i / 3) + by) % 3 ? 1 : 0))
  const targets = Float32Array.from({ length: BATCH }, (_, i) => i % 2)
  return { ...valuesFor(signature, seed), query_mask: mask(0), document_mask: mask(1), targets }
}

describe('training step of the interaction', () => {
  it('agrees with jax-js in loss and in every gradient', async () => {
    const file = lowerProgram('interaction_step', interactionStep(shape), signature)
    for (const seed of [1, 2]) {
      const values = batchValues(seed)
      const expected = await runInJax(interactionStep(shape), signature, values)
      expect(Object.keys(expected).sort()).toEqual([...trained.map(gradientOf), 'loss'].sort())
      expect(largestDifference(expected, await runFile(file, signature, values))).toBeLessThan(2e-5)
    }
  })

  it('has the gradients that finite differences give', async () => {
    const file = lowerProgram('interaction_step', interactionStep(shape), signature)
    const values = batchValues(3)
    for (const { name, gradient, slope } of await slopesOf(file, signature, values, trained, 0.004)) {
      expect(gradient, name).toBeCloseTo(slope, 3)
    }
  })

  it('gives the same bits every time, whatever the number of threads', async () => {
    const wide = { stateWidth: 64, maxTokens: 16, projectionWidth: 32, hiddenWidth: 16 }
    const large = interactionStepSignature(wide, 32)
    const bytes = lowerProgram('interaction_step', interactionStep(wide), large)
    const values = valuesFor(large)
    const hashes = new Set<string>()
    for (const threads of [1, 2, 2, 2]) {
      const results = Object.entries(await runFile(bytes, large, values, threads)).sort(([a], [b]) => (a < b ? -1 : 1))
      hashes.add(results.map(([name, { buffer }]) => name + sha256Hex(new Uint8Array(buffer))).join())
    }
    expect(hashes.size).toBe(1)
  })
})

const weights = valuesFor(
  Object.fromEntries(Object.entries(interactionShapes(shape)).map(([name, sizes]) => [name, { shape: sizes }])),
  5,
) as Record<string, Float32Array>
const at = (name: string, index: number): number => weights[name]?.[index] ?? Number.NaN

type Tokens = readonly (readonly number[])[]
const logistic = (x: number) => 1 / (1 + Math.exp(-x))
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.hypot(...a) / Math.hypot(...b)
const times = (row: readonly number[], name: string, columns: number) =>
  Array.from({ length: columns }, (_, column) => row.reduce((sum, value, i) => sum + value * at(name, i * columns + column), 0)) // prettier-ignore

const plus = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value + (b[i] ?? 0))

/** The definition once more, a number at a time. */
function logitByHand(query: Tokens, document: Tokens): number {
  const corrected = (tokens: Tokens) =>
    tokens.map((token) => plus(token, times(times(token, 'token_down_weight', 5), 'token_up_weight', 6)))
  const importance = (tokens: Tokens) => {
    const open = tokens.map((token) => logistic((times(token, 'salience_weight', 1)[0] ?? 0) + at('salience_bias', 0)))
    const total = open.reduce((sum, value) => sum + value, 0)
    return open.map((value) => value / total)
  }
  const side = (own: Tokens, other: Tokens) =>
    KERNEL_CENTRES.map((centre, kernel) =>
      corrected(own).reduce((sum, row, token) => {
        const near = corrected(other).map((one) => Math.exp(-0.5 * ((cosine(row, one) - centre) / (KERNEL_WIDTHS[kernel] ?? 0)) ** 2)) // prettier-ignore
        return sum + (importance(own)[token] ?? 0) * Math.log1p(near.reduce((a, b) => a + b, 0))
      }, 0),
    )
  const mean = (tokens: Tokens, weights: readonly number[]) =>
    tokens.map((token, i) => token.map((value) => value * (weights[i] ?? 0))).reduce(plus)
  const even = (tokens: Tokens) => mean(tokens, tokens.map(() => 1)) // prettier-ignore
  const sentence = (tokens: Tokens) => {
    const weighted = mean(tokens, importance(tokens))
    return plus(weighted, times(weighted, 'sentence_weight', 6))
  }
  const cosines = [cosine(even(query), even(document)), cosine(sentence(query), sentence(document))]
  const features = [...side(query, document), ...side(document, query), ...cosines.map((value) => 10 * value)]
  const hidden = times(features, 'hidden_weight', 4).map((value, i) => {
    const x = value + at('hidden_bias', i)
    return x * logistic(1.702 * x)
  })
  return (times(hidden, 'output_weight', 1)[0] ?? 0) + at('output_bias', 0) + (times(features, 'direct_weight', 1)[0] ?? 0) // prettier-ignore
}

const token = (seed: number): number[] => Array.from({ length: 6 }, (_, i) => Math.cos(seed * 1.7 + i * i))
const texts: readonly Tokens[] = [[token(1), token(2), token(3)], [token(4)], [token(2), token(5)]]

async function logitsOf(pairs: readonly (readonly [Tokens, Tokens])[], of: Weights = weights): Promise<Float32Array> {
  const session = await openOnnxSession(interactionFile(shape, of))
  const states = (side: 0 | 1) =>
    Float32Array.from(pairs.flatMap((pair) => [0, 1, 2].flatMap((place) => pair[side][place] ?? [0, 0, 0, 0, 0, 0])))
  const mask = (side: 0 | 1) => Float32Array.from(pairs.flatMap((pair) => [0, 1, 2].map((place) => (place < pair[side].length ? 1 : 0)))) // prettier-ignore
  const batch = pairs.length
  const { logits } = await session.run(
    {
      query_states: { data: states(0), shape: [batch, 3, 6] },
      query_mask: { data: mask(0), shape: [batch, 3] },
      document_states: { data: states(1), shape: [batch, 3, 6] },
      document_mask: { data: mask(1), shape: [batch, 3] },
    },
    ['logits'],
  )
  await session.close()
  return logits.data
}

describe('interaction as it begins', () => {
  it('orders documents as the cosine of their sentences does', async () => {
    const initial = initialInteraction(shape, 1)
    const pairs = texts.flatMap((query) => texts.map((document) => [query, document] as const))
    const logits = await logitsOf(pairs, initial)
    const sum = (tokens: Tokens) => tokens.reduce(plus)
    for (const [i, [query, document]] of pairs.entries()) {
      expect(logits[i]).toBeCloseTo(10 * cosine(sum(query), sum(document)) - 6, 4)
    }
  })
})

describe('interaction for serving', () => {
  it('is the definition, for any batch; padding weighs nothing', async () => {
    const pairs = texts.flatMap((query) => texts.map((document) => [query, document] as const))
    const together = await logitsOf(pairs)
    for (const [i, [query, document]] of pairs.entries()) expect(together[i]).toBeCloseTo(logitByHand(query, document), 4) // prettier-ignore
    const [alone] = await logitsOf(pairs.slice(4, 5))
    expect(alone).toBeCloseTo(together[4] ?? Number.NaN, 5)
  })

  it('gives texts without a token a number, too', async () => {
    expect((await logitsOf([[[], []]])).every(Number.isFinite)).toBe(true)
  })
})

describe('binary cross-entropy', () => {
  const logits = Float32Array.of(-200, -100, -20, -3, 0, 0.25, 7, 100, 200)
  const both = { logits: { shape: [9] }, targets: { shape: [9] } }

  it.each([0, 1])(
    'has the values and the derivative of the definition, also far out, for a target of %d',
    async (target) => {
      const values = { logits, targets: new Float32Array(9).fill(target) }
      const loss = (inputs: Record<string, np.Array>) =>
        binaryCrossEntropy(inputs['logits'] ?? np.zeros([0]), inputs['targets'] ?? np.zeros([0])).mul(9)
      const program: Program = ({ logits: x, targets }) => ({
        slope: grad((moved: np.Array) => loss({ logits: moved, targets } as Record<string, np.Array>))(x as np.Array),
      })
      const expected = Array.from(logits, (x) => logistic(x) - target)
      const sum = Array.from(logits, (x) => (target === 1 ? Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))))
        .map((value, i) => (Number.isFinite(value) ? value : Math.abs(logits[i] ?? 0)))
        .reduce((a, b) => a + b, 0)
      for (const run of [
        (of: Program) => runInJax(of, both, values),
        (of: Program) => runFile(lowerProgram('loss', of, both), both, values),
      ]) {
        expect(largestDifference({ slope: Float32Array.from(expected) }, await run(program))).toBeLessThan(2e-6)
        expect((await run((inputs) => ({ loss: loss(inputs) })))['loss']?.[0]).toBeCloseTo(sum, 2)
      }
    },
  )
})
