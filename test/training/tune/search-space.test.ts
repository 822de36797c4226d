import { describe, expect, it } from 'vitest'
import { defaultHyperparameters } from '../../../src/training/hyperparameters.ts'
import {
  defaultSearchSpace,
  parseSearchedValues,
  parseSearchSpace,
  searchedValuesOf,
} from '../../../src/training/tune/search-space.ts'

describe('a search space', () => {
  it('is read, with its members in one order and ranges linear where nothing else is said', () => {
    const space = parseSearchSpace({
      wordTower: { choices: ['bag', 'gru'] },
      featureDropout: { from: 0, to: 0.5 },
      learningRate: { from: 0.001, to: 0.01, scale: 'logarithmic' },
    })
    expect(Object.entries(space)).toEqual([
      ['learningRate', { from: 0.001, to: 0.01, scale: 'logarithmic' }],
      ['featureDropout', { from: 0, to: 0.5, scale: 'linear' }],
      ['wordTower', { choices: ['bag', 'gru'] }],
    ])
  })

  it.each<[unknown, RegExp]>([
    [[], /it is an object/],
    [{}, /it is an object/],
    [{ epochs: { choices: [1] } }, /epochs cannot be searched; learningRate, /],
    [{ learningRate: 0.1 }, /learningRate: /],
    [{ learningRate: { from: 0.1 } }, /learningRate\.to: must be a number from 0\.000001 to 1/],
    [{ learningRate: { from: 0.1, to: 0.01 } }, /learningRate\.to: must be more than "from"/],
    [{ learningRate: { from: 0.1, to: 2 } }, /learningRate\.to: must be a number from/],
    [{ weightDecay: { from: 0, to: 1, scale: 'logarithmic' } }, /weightDecay\.from: must be more than 0/],
    [{ batchSize: { choices: [] } }, /batchSize\.choices: must name a choice/],
    [{ batchSize: { choices: [64, 1.5] } }, /batchSize\.choices\.1: must be a whole number from 2 to 8192/],
    [{ imageHidden: { choices: [0, 512] } }, /imageHidden\.choices\.0: must be a whole number from 1 to 4096/],
    [{ bigramBuckets: { from: 0, to: 60_000 } }, /bigramBuckets\.to: must be a whole number from 0 to 50000/],
    [{ wordTower: { choices: ['rnn'] } }, /wordTower\.choices\.0: /],
    [{ wordTower: { from: 1, to: 2 } }, /wordTower/],
    [{ layers: { from: 1, to: 3, by: 1 } }, /layers: .*by/],
    [{ __proto__: null, constructor: { choices: [1] } }, /constructor cannot be searched/],
  ])('%j is refused, naming the field', (given, reason) => {
    expect(() => parseSearchSpace(given)).toThrow(reason)
    expect(() => parseSearchSpace(given)).toThrow(expect.objectContaining({ code: 'invalid-request' }) as Error)
  })

  it('by default lies around what trains now, for few pairs and for many', () => {
    for (const pairs of [500, 30_000]) {
      const base = defaultHyperparameters(pairs)
      const { learningRate, batchSize } = defaultSearchSpace(base, { hasSentences: false })
      expect(learningRate).toMatchObject({ from: base.learningRate / 4, to: base.learningRate * 4 })
      expect(batchSize).toMatchObject({ choices: [base.batchSize / 2, base.batchSize, base.batchSize * 2] })
    }
  })
})

describe('values that were searched', () => {
  it('are those of hyperparameters, within their bounds', () => {
    const values = searchedValuesOf(defaultHyperparameters(500))
    expect(parseSearchedValues(values)).toEqual(values)
    expect(parseSearchedValues({})).toEqual({})
    expect(parseSearchedValues({ learningRate: 5 })).toBeNull()
    // As they were written before image heads had names.
    expect(parseSearchedValues({ imageHidden: 0, heads: 4 })).toEqual({ imageHead: 'linear', heads: 4 })
    expect(parseSearchedValues({ imageHidden: 64 })).toEqual({ imageHead: 'mlp', imageHidden: 64 })
    expect(parseSearchedValues({ maximumEpochs: 5 })).toBeNull()
    expect(parseSearchedValues(null)).toBeNull()
  })
})
