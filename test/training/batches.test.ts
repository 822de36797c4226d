import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillMatches, planEpoch } from '../../src/training/batches.ts'
import { exampleSet } from './examples.ts'

const examples = (captionsPerImage: readonly number[]) =>
  exampleSet(captionsPerImage.flatMap((count, row) => Array.from({ length: count }, () => ({ row, words: [row + 2] }))))

describe('epochs', () => {
  it('hold every example at most once, in full batches, and drop less than one batch', () => {
    const property = (counts: number[], batchSize: number, epoch: number) => {
      const all = examples(counts)
      const planned = planEpoch(all, batchSize, 1, epoch)
      const used = planned.flatMap((batch) => [...batch])
      expect(planned.every((batch) => batch.length === batchSize)).toBe(true)
      expect(new Set(used).size).toBe(used.length)
      expect(all.length - used.length).toBeLessThan(batchSize)
    }
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 16 }),
        fc.nat(9),
        property,
      ),
    )
  })

  it('hold no image twice in a batch where whole batches fit into a round through the images', () => {
    const all = examples(Array.from({ length: 64 }, () => 5))
    for (const batch of planEpoch(all, 16, 3, 1)) {
      expect(new Set(Array.from(batch, all.row)).size).toBe(16)
    }
  })

  it('differ from one another, and repeat for the same seed', () => {
    const all = examples([3, 3, 3, 3, 3, 3])
    expect(planEpoch(all, 6, 1, 2)).toEqual(planEpoch(all, 6, 1, 2))
    expect(planEpoch(all, 6, 1, 2)).not.toEqual(planEpoch(all, 6, 1, 3))
    expect(planEpoch(all, 6, 1, 2)).not.toEqual(planEpoch(all, 6, 2, 2))
  })
})

describe('matches', () => {
  it('are the pair itself, pairs of the same image and pairs with the same caption', () => {
    const pairs = exampleSet([
      { row: 1, words: [2], captionKey: 1 },
      { row: 1, words: [3], captionKey: 2 },
      { row: 2, words: [3], captionKey: 2 },
    ])
    const matches = new Float32Array(9).fill(9)
    fillMatches(pairs, Uint32Array.of(0, 1, 2), matches)
    expect([...matches]).toEqual([1, 1, 0, 1, 1, 1, 0, 1, 1])
  })
})
