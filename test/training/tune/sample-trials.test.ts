import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultHyperparameters } from '../../../src/training/hyperparameters.ts'
import { differences, sampleTrials } from '../../../src/training/tune/sample-trials.ts'
import {
  defaultSearchSpace,
  parseSearchedValues,
  parseSearchSpace,
  searchedValuesOf,
} from '../../../src/training/tune/search-space.ts'

const base = defaultHyperparameters(500)
const first = searchedValuesOf(base)

describe('trials', () => {
  it('begin with what trains now, are all different and within their ranges', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const trials = sampleTrials(defaultSearchSpace(base, { hasSentences: false }), base, 12, seed)
        expect(trials.map(({ number }) => number)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1))
        expect(trials[0]?.values).toEqual(first)
        expect(new Set(trials.map(({ values }) => JSON.stringify(values))).size).toBe(12)
        for (const { values } of trials.slice(1)) {
          expect(parseSearchedValues(values)).not.toBeNull()
          expect(values.learningRate).toBeGreaterThanOrEqual(base.learningRate / 4)
          expect(values.learningRate).toBeLessThanOrEqual(base.learningRate * 4)
          expect([64, 128, 256]).toContain(values.batchSize)
          // What is not searched stays as it is.
          expect(values.maxLength).toBe(base.maxLength)
        }
      }),
    )
  })

  it('are the same for the same seed, others for another, and more of them begin with the fewer', () => {
    const space = defaultSearchSpace(base, { hasSentences: false })
    const sampled = sampleTrials(space, base, 9, 1)
    expect(sampleTrials(space, base, 9, 1)).toEqual(sampled)
    expect(sampleTrials(space, base, 27, 1).slice(0, 9)).toEqual(sampled)
    expect(sampleTrials(space, base, 9, 2)).not.toEqual(sampled)
  })

  it('spread evenly over the logarithm where that is asked for', () => {
    const space = parseSearchSpace({ learningRate: { from: 1e-4, to: 1e-2, scale: 'logarithmic' } })
    const trials = sampleTrials(space, base, 400, 3).slice(1)
    const below = trials.filter(({ values }) => (values.learningRate ?? 1) < 1e-3).length
    expect(below / trials.length).toBeGreaterThan(0.4)
    expect(below / trials.length).toBeLessThan(0.6)
  })

  it('are as many as there are where a space has fewer', () => {
    const space = parseSearchSpace({ batchSize: { choices: [base.batchSize, 32] }, layers: { from: 1, to: 2 } })
    // Layers make no difference to a bag of words.
    expect(sampleTrials(space, base, 20, 1)).toHaveLength(2)
    const heads = parseSearchSpace({ imageHead: { choices: ['linear', 'mlp'] }, imageHidden: { choices: [64, 128] } })
    // Nor does the width of a hidden layer to a head that has none.
    expect(sampleTrials(heads, base, 20, 1)).toHaveLength(3)
    const buckets = parseSearchSpace({ wordTower: { choices: ['bag', 'gru'] }, bigramBuckets: { choices: [0, 64] } })
    expect(sampleTrials(buckets, base, 20, 1)).toHaveLength(3)
  })

  it('leave out towers whose heads do not divide their width', () => {
    const space = parseSearchSpace({
      wordTower: { choices: ['transformer'] },
      wordWidth: { choices: [48, 50] },
      heads: { choices: [3, 4, 5] },
    })
    const widths = sampleTrials(space, base, 20, 1).slice(1).map(({ values }) => [values.wordWidth, values.heads]) // prettier-ignore
    expect(widths.toSorted()).toEqual([[48, 3], [48, 4], [50, 5]]) // prettier-ignore
  })

  it('leave out embeddings that the heads of attention do not divide', () => {
    const space = parseSearchSpace({ embeddingWidth: { choices: [64, 66] }, heads: { choices: [3, 4] } })
    const widths = sampleTrials(space, { ...base, imageHead: 'attention' }, 20, 1).slice(1)
    const found = widths.map(({ values }) => `${values.embeddingWidth}/${values.heads}`)
    expect(found.toSorted()).toEqual(['64/4', '66/3'])
  })

  it('are told apart by what differs', () => {
    expect(differences({ ...first, batchSize: 32, wordTower: 'gru' }, first)).toEqual({
      batchSize: 32,
      wordTower: 'gru',
    })
  })
})
