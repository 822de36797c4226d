import { describe, expect, it } from 'vitest'
import { adamState, adamW } from '../../src/training/adamw.ts'
import { createWordTable } from '../../src/training/word-table.ts'

const ids = Int32Array.of(2, 0, 1, 2)
const step = { step: 1, learningRate: 0.1, weightDecay: 0.01, gradientScale: 0.5 }

describe('word table', () => {
  it('gathers rows and leaves padding as it is', () => {
    const table = createWordTable(Float32Array.of(0, 0, 1, 1, 2, 2), 2)
    const target = new Float32Array(8).fill(-1)
    table.gather(ids, target)
    expect([...target]).toEqual([2, 2, -1, -1, 1, 1, 2, 2])
  })

  it('sums the gradients of a word that occurs twice, as a dense table would', () => {
    const table = createWordTable(Float32Array.of(0, 0, 1, 1, 2, 2), 2)
    const gradients = Float32Array.of(1, 2, 9, 9, 3, 4, 5, 6)
    const dense = adamState(Float32Array.of(0, 0, 1, 1, 2, 2))
    adamW(dense, Float32Array.of(0, 0, 3, 4, 6, 8), step)
    expect(table.accumulate(ids, gradients)).toBe(9 + 16 + 36 + 64)
    table.update(step)
    expect([...table.state.values]).toEqual([...dense.values])
  })

  it('leaves words outside the batch alone', () => {
    const table = createWordTable(new Float32Array(8).fill(1), 2)
    table.accumulate(Int32Array.of(3, 0), new Float32Array(4).fill(1))
    table.update(step)
    expect([...table.state.values].slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1])
    expect(table.state.values[6]).toBeLessThan(1)
    table.accumulate(Int32Array.of(1, 0), new Float32Array(4).fill(1))
    const before = table.state.values[6]
    table.update(step)
    expect(table.state.values[6]).toBe(before)
  })
})
