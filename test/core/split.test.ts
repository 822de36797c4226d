import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  drawSplit,
  hashShare,
  inDevelopmentFold,
  isCounted,
  mergeSplits,
  parseSplit,
  splits,
  type Split,
} from '../../src/core/split.ts'

const keys = Array.from({ length: 20_000 }, (_, i) => `key ${i}`)
const share = (met: (key: string) => boolean) => keys.filter(met).length / keys.length

describe('the sets', () => {
  it('are read from what sources call them', () => {
    expect(['train', 'Training', ' val ', 'DEV', 'valid', 'validation', 'fresh', 'test'].map(parseSplit)).toEqual([
      'train', 'train', 'validation', 'validation', 'validation', 'validation', 'fresh', 'test',
    ]) // prettier-ignore
    for (const nothing of [null, undefined, '', '  ']) expect(parseSplit(nothing)).toBeNull()
    for (const unknown of ['holdout', 'constructor', '__proto__']) {
      expect(() => parseSplit(unknown)).toThrow(expect.objectContaining({ code: 'split-unknown' }))
    }
  })

  it('are drawn by nothing but the key, 5 % validation and 5 % fresh', () => {
    expect(keys.map(drawSplit)).toEqual(keys.map(drawSplit))
    expect(share((key) => drawSplit(key) === 'validation')).toBeCloseTo(0.05, 2)
    expect(share((key) => drawSplit(key) === 'fresh')).toBeCloseTo(0.05, 2)
    expect(share((key) => drawSplit(key) === 'test')).toBe(0)
  })

  it('have a development fold of 10 % that does not hang on the draw', () => {
    expect(share(inDevelopmentFold)).toBeCloseTo(0.1, 2)
    const training = keys.filter((key) => drawSplit(key) === 'train')
    expect(training.filter(inDevelopmentFold).length / training.length).toBeCloseTo(0.1, 2)
  })

  it('merge in any order to the same, and only ever to validation', () => {
    const named = fc.array(fc.constantFrom(...splits), { minLength: 1, maxLength: 6 })
    const merged = (list: readonly Split[]): Split => list.slice(1).reduce(mergeSplits, list[0] ?? 'train')
    fc.assert(
      fc.property(
        named.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(merged(shuffled)).toBe(merged(list))
          expect([list[0], 'validation']).toContain(merged(list))
        },
      ),
    )
    for (const split of splits) expect(mergeSplits(split, null)).toBe(split)
  })

  it('count only what is trained on', () => {
    expect(splits.filter(isCounted)).toEqual(['train'])
  })

  it('hash to shares in [0, 1)', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (salt, key) => {
        const value = hashShare(salt, key)
        expect(value >= 0 && value < 1).toBe(true)
      }),
    )
  })
})
