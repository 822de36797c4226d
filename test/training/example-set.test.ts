import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { captionKeyOf } from '../../src/training/example-set.ts'
import { exampleSet } from './examples.ts'

describe('example set', () => {
  it('gives back what was put in, also where it had to grow', () => {
    const given = Array.from({ length: 3_000 }, (_, i) => ({
      row: Math.floor(i / 2),
      words: Array.from({ length: i % 5 }, (__, place) => i + place),
      captionKey: i * 2 ** 20,
    }))
    const set = exampleSet(given)
    expect(set.length).toBe(3_000)
    for (const [i, { row, words, captionKey }] of given.entries()) {
      expect([set.row(i), set.sentence(i), set.captionKey(i), [...set.words(i)]]).toEqual([row, i, captionKey, words])
    }
    expect([...set.imageStarts.subarray(0, 3)]).toEqual([0, 2, 4])
    expect(set.imageStarts).toHaveLength(1_501)
    expect(set.imageStarts.at(-1)).toBe(3_000)
  })

  it('may be empty', () => {
    expect(exampleSet([])).toMatchObject({ length: 0, imageStarts: Uint32Array.of(0) })
  })
})

describe('caption key', () => {
  it('is another for other words and for another order, and a whole number', () => {
    const words = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 24 })
    fc.assert(
      fc.property(words, words, (a, b) => {
        expect(captionKeyOf(a) === captionKeyOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
        expect(Number.isSafeInteger(captionKeyOf(a))).toBe(true)
      }),
    )
    expect(captionKeyOf([1, 2])).not.toBe(captionKeyOf([2, 1]))
  })
})
