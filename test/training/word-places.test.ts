import { describe, expect, it } from 'vitest'
import type { FeatureFile } from '../../src/training/feature-file.ts'
import { initialWeights } from '../../src/training/parameters.ts'
import { wordPlaces } from '../../src/training/word-places.ts'
import { exampleSet } from './examples.ts'

const words = { kind: 'bag' as const, width: 3 }
const shape = {
  featureWidth: 3,
  embeddingWidth: 3,
  imageHead: { kind: 'linear' as const },
  maxLength: 4,
  words,
  sentenceWidth: null,
}
/** An image head that changes nothing but lengths. */
const heads = {
  ...initialWeights(shape, 1),
  image_projection_weight: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  feature_mean: new Float32Array(3),
  feature_scale: new Float32Array(3).fill(1),
}
/** Both views of a row average to the row. */
const featuresOf = (rows: readonly (readonly number[])[]) => {
  const file: FeatureFile = {
    rows: rows.length,
    read(row, view, target, offset) {
      target.set(
        (rows[row] ?? []).map((value) => value + (view === 0 ? 0.5 : -0.5)),
        offset,
      )
    },
    close: () => undefined,
  }
  return { file, views: 2 }
}
const example = (row: number, words: readonly number[]) => ({ row, words })
const place = (table: Float32Array, id: number) => [...table.subarray(id * 3, id * 3 + 3)]
const length = (row: readonly number[]) => Math.hypot(...row)

describe('where words start', () => {
  const pictures = featuresOf([
    [2, 0, 0],
    [0, 3, 0],
  ])

  it('is the direction of the pictures that they are said of', async () => {
    const places = await wordPlaces(
      shape,
      3,
      heads,
      5,
      exampleSet([example(0, [2, 4]), example(1, [3, 4])]),
      pictures,
      1,
    )
    const [first = 0, ...rest] = place(places, 2)
    expect(first).toBeGreaterThan(0)
    expect(rest).toEqual([0, 0])
    expect(place(places, 3)[1]).toBeCloseTo(first, 5)
    const [alike, other] = place(places, 4)
    expect(alike).toBeGreaterThan(0)
    expect(other).toBeCloseTo(alike ?? 0, 5)
  })

  it('is the nearer to nothing the seldomer they are seen; the quadratic mean of the lengths is one', async () => {
    const often = Array.from({ length: 60 }, () => example(0, [2]))
    const places = await wordPlaces(shape, 3, heads, 4, exampleSet([...often, example(1, [3])]), pictures, 1)
    const lengths = [0, 1, 2, 3].map((id) => length(place(places, id)))
    // 60 of 60 + 40 sightings of a picture, and 1 of 1 + 40.
    expect((lengths[2] ?? 0) / (lengths[3] ?? 1)).toBeCloseTo(60 / 100 / (1 / 41), 3)
    expect(lengths.reduce((sum, value) => sum + value ** 2, 0) / 4).toBeCloseTo(1, 5)
    expect(lengths.slice(0, 2)).toEqual([0, 0])
  })

  it('leaves what words and embeddings do not share at zero', async () => {
    const places = await wordPlaces(shape, 5, heads, 3, exampleSet([example(0, [2])]), pictures, 1)
    expect(places).toHaveLength(15)
    expect([...places.subarray(10)].map((value) => value !== 0)).toEqual([true, false, false, false, false])
    expect(await wordPlaces(shape, 2, heads, 3, exampleSet([example(0, [2])]), pictures, 1)).toHaveLength(6)
  })

  it('is nowhere when pictures say nothing', async () => {
    const blank = featuresOf([[0, 0, 0]])
    const places = await wordPlaces(shape, 3, heads, 3, exampleSet([example(0, [2])]), blank, 1)
    expect([...places].every((value) => value === 0)).toBe(true)
  })
})
