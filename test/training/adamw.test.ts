import { describe, expect, it } from 'vitest'
import { adamState, adamW, clippingFactor, squaredLength } from '../../src/training/adamw.ts'

describe('AdamW', () => {
  it('follows algorithm 2 of the paper over several steps', () => {
    const state = adamState(Float32Array.of(1, -2))
    const slopes = [
      [0.5, -1],
      [0.1, 3],
      [-0.2, 0],
    ]
    let [m, v, x] = [0, 0, 1]
    for (const [index, [slope = 0, other = 0]] of slopes.entries()) {
      const step = index + 1
      adamW(state, Float32Array.of(slope, other), { step, learningRate: 0.01, weightDecay: 0.1, gradientScale: 2 })
      m = 0.9 * m + 0.1 * slope * 2
      v = 0.999 * v + 0.001 * (slope * 2) ** 2
      const [mean, square] = [m / (1 - 0.9 ** step), v / (1 - 0.999 ** step)]
      x = x - 0.01 * 0.1 * x - (0.01 * mean) / (Math.sqrt(square) + 1e-8)
      expect(state.values[0]).toBeCloseTo(x, 6)
    }
  })

  it('moves by the learning rate at its first step, whatever the size of the gradient', () => {
    const state = adamState(Float32Array.of(0, 0))
    adamW(state, Float32Array.of(1e-3, -50), { step: 1, learningRate: 0.1, weightDecay: 0, gradientScale: 1 })
    expect([...state.values].map((value) => Math.round(value * 1000) / 1000)).toEqual([-0.1, 0.1])
  })

  it('touches only the range it is given', () => {
    const state = adamState(new Float32Array(6).fill(1))
    const step = { step: 1, learningRate: 0.5, weightDecay: 0, gradientScale: 1 }
    adamW(state, Float32Array.of(0, 0, 0, 1, 1), step, 2, 2, 3)
    expect([...state.values]).toEqual([1, 1, 0.5, 0.5, 1, 1])
  })

  it('is clipped by the global norm', () => {
    expect(clippingFactor(squaredLength(Float32Array.of(3, 4)), 1)).toBeCloseTo(0.2, 5)
    expect(clippingFactor(squaredLength(Float32Array.of(0.3, 0.4)), 1)).toBe(1)
  })
})
