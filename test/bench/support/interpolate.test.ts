import { describe, expect, it } from 'vitest'
import { extendVectors } from '../../../bench/support/interpolate.ts'
import { createRandom } from '../../../src/core/random.ts'
import { dot, normalise } from '../../../src/core/vector.ts'

const axis = (at: number): Float32Array => Float32Array.from({ length: 64 }, (_, i) => Number(i === at))

describe('vectors in between', () => {
  const real = [axis(0), axis(1), axis(2)]
  const vectors = extendVectors(real, 200, createRandom(1))

  it('come after the real ones, at unit length and the same for a seed', () => {
    expect(vectors.slice(0, 3)).toEqual(real)
    expect(vectors).toHaveLength(200)
    for (const vector of vectors) expect(dot(vector, vector)).toBeCloseTo(1, 5)
    expect(extendVectors(real, 200, createRandom(1))).toEqual(vectors)
  })

  it('lie near the plane of the real ones, at different places', () => {
    for (const vector of vectors.slice(3)) expect(Math.hypot(...vector.slice(0, 3))).toBeGreaterThan(0.95)
    const middle = normalise(axis(0).map((value, i) => value + (axis(1)[i] ?? 0)))
    expect(vectors.slice(3).some((vector) => dot(vector, middle) > 0.97)).toBe(true)
  })

  it('are no more than are asked for', () => {
    expect(extendVectors(real, 2, createRandom(1))).toEqual(real.slice(0, 2))
  })
})
