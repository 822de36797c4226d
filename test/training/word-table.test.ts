import { beforeAll, describe, expect, it } from 'vitest'
import { numpy as np } from '@jax-js/jax'
import { weightedMean } from '../../src/training/definitions/layers.ts'
import { adamState, adamW } from '../../src/training/adamw.ts'
import { bucketOf } from '../../src/training/definitions/bigrams.ts'
import { readingOf } from '../../src/training/word-readings.ts'
import { createWordTable } from '../../src/training/word-table.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { largestDifference, runInJax } from './lowering/run-program.ts'

const captions = [[2, 1, 2], [], [1]]
const step = { step: 1, learningRate: 0.1, weightDecay: 0.01, gradientScale: 0.5 }
const threeWords = () => Float32Array.of(0, 0, 1, 4, 7, 10)

const means = readingOf({ kind: 'bag', width: 2 }, 3)
const places = readingOf({ kind: 'gru', width: 2, hidden: 3 }, 3)

beforeAll(startJax)

describe('word table', () => {
  it('averages the words of each caption; no words make zeros', () => {
    const table = createWordTable(threeWords(), 2, means)
    const bags = new Float32Array(6).fill(-1)
    table.embed(captions, bags)
    expect([...bags]).toEqual([5, 8, 0, 0, 1, 4].map((value) => expect.closeTo(value, 5) as number))
  })

  it('averages as the model that is served does', async () => {
    const served = ({ words, weights }: Readonly<Record<string, np.Array>>) => ({
      bags: weightedMean(words as np.Array, weights as np.Array),
    })
    const signature = { words: { shape: [2, 3, 5] }, weights: { shape: [2, 3] } }
    const words = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i))
    const values = { words, weights: Float32Array.of(1, 1, 1, 1, 1, 0) }
    const bags = new Float32Array(10)
    const table = new Float32Array([...new Float32Array(5), ...words])
    createWordTable(table, 5, means).embed(
      [
        [1, 2, 3],
        [4, 0, 5],
      ],
      bags,
    )
    expect(largestDifference({ bags }, await runInJax(served, signature, values))).toBeLessThan(1e-5)
  })

  it('lays words out time first where their order counts, and sums their gradients', () => {
    const table = createWordTable(threeWords(), 2, places)
    const rows = new Float32Array(12).fill(-1)
    table.embed(
      [
        [2, 1, 2],
        [0, 1],
      ],
      rows,
    )
    expect([...rows]).toEqual([7, 10, 0, 0, 1, 4, 1, 4, 7, 10, 0, 0])
    const dense = adamState(threeWords())
    adamW(dense, Float32Array.of(0, 0, 5 + 7, 6 + 8, 1 + 9, 2 + 10), step)
    const gradients = Float32Array.from({ length: 12 }, (_, i) => i + 1)
    table.accumulate(
      [
        [2, 1, 2],
        [0, 1],
      ],
      gradients,
    )
    expect(table.squaredNorm()).toBeCloseTo(144 + 196 + 100 + 144, 4)
    table.update(step)
    for (const [i, value] of dense.values.entries()) expect(table.state.values[i]).toBeCloseTo(value, 5)
  })

  it('sums the gradients of a word by how much of each bag it is, as a dense table would', () => {
    const table = createWordTable(threeWords(), 2, means)
    const gradients = Float32Array.of(3, 6, 9, 9, 5, 7)
    const dense = adamState(threeWords())
    // Word 1 is a third of the first bag and all of the last, word 2 two thirds of the first.
    const summed = Float32Array.of(0, 0, 1 + 5, 2 + 7, 2, 4)
    adamW(dense, summed, step)
    table.accumulate(captions, gradients)
    expect(table.squaredNorm()).toBeCloseTo(36 + 81 + 4 + 16, 4)
    table.update(step)
    for (const [i, value] of dense.values.entries()) expect(table.state.values[i]).toBeCloseTo(value, 5)
  })

  it('adds up over several chunks what it would sum over one batch', () => {
    const gradients = Float32Array.of(3, 6, 9, 9, 5, 7)
    const [once, twice] = [createWordTable(threeWords(), 2, means), createWordTable(threeWords(), 2, means)]
    once.accumulate(captions, gradients)
    twice.accumulate(captions.slice(0, 1), gradients.subarray(0, 2))
    twice.accumulate(captions.slice(1), gradients.subarray(2))
    expect(twice.squaredNorm()).toBeCloseTo(once.squaredNorm(), 5)
    once.update(step)
    twice.update(step)
    for (const [i, value] of once.state.values.entries()) expect(twice.state.values[i]).toBeCloseTo(value, 6)
  })

  it('adds the mean of the pairs of neighbours, and sums their gradients by bucket', () => {
    const buckets = 2
    const reading = readingOf({ kind: 'bag', width: 1, bigramBuckets: buckets }, 5 + buckets)
    const table = createWordTable(Float32Array.of(0, 0, 10, 20, 30, 1, 2), 1, reading)
    const pairs = [bucketOf(2, 3, buckets), bucketOf(3, 4, buckets)]
    const bags = new Float32Array(2)
    const texts = [
      [2, 3, 4],
      [4, 0, 3],
    ]
    table.embed(texts, bags)
    const ofPairs = pairs.reduce((sum, bucket) => sum + 1 + bucket, 0) / 2
    expect(bags[0]).toBeCloseTo(20 + ofPairs, 5)
    expect(bags[1]).toBeCloseTo(25, 5)
    table.accumulate(texts, Float32Array.of(6, 4))
    const gradient = Float32Array.of(0, 0, 2, 4, 4, 0, 0)
    for (const bucket of pairs) gradient[5 + bucket] = (gradient[5 + bucket] ?? 0) + 3
    const dense = adamState(Float32Array.of(0, 0, 10, 20, 30, 1, 2))
    const touched = [2, 3, 4, ...pairs.map((bucket) => 5 + bucket)]
    for (const row of new Set(touched)) adamW(dense, gradient, step, row, 1, row)
    table.update(step)
    for (const [i, value] of dense.values.entries()) expect(table.state.values[i]).toBeCloseTo(value, 5)
  })

  it('leaves words outside the batch alone', () => {
    const table = createWordTable(new Float32Array(8).fill(1), 2, means)
    table.accumulate([[3], []], new Float32Array(4).fill(1))
    table.update(step)
    expect([...table.state.values].slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1])
    expect(table.state.values[6]).toBeLessThan(1)
    table.forget()
    table.accumulate([[1], []], new Float32Array(4).fill(1))
    const before = table.state.values[6]
    table.update(step)
    expect(table.state.values[6]).toBe(before)
  })
})
