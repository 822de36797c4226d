import { expect, it } from 'vitest'
import { isRelevant, judgementIdOf } from '../../src/core/judgement.ts'

it('gives two texts an id that others can compute', () => {
  // uuid.uuid5(uuid.UUID('6b1d3c52-7a0e-5d39-8f41-90c2a7e4d118'), '["a dog","a dog on a beach"]') in Python.
  expect(judgementIdOf('a dog', 'a dog on a beach')).toBe('986aa65b-e539-58cf-842f-857cad479a14')
  expect(judgementIdOf('a dog on a beach', 'a dog')).not.toBe(judgementIdOf('a dog', 'a dog on a beach'))
})

it('takes a document for an answer from a half on', () => {
  expect([0, 0.49, 0.5, 1].map((relevance) => isRelevant({ relevance }))).toEqual([false, false, true, true])
})
