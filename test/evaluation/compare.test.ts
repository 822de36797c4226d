import { expect, it } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { pairScores } from '../../src/evaluation/compare.ts'
import { evaluateRetrieval, type Evaluation } from '../../src/evaluation/evaluate-retrieval.ts'
import { meansOf, pool, slice } from '../../src/evaluation/paired-scores.ts'

/** The same captions and images under another model: other vectors, same ids. */
function evaluateModel(seed: number, imageCount = 30): Evaluation {
  const random = createRandom(seed)
  const vector = () => Float32Array.from({ length: 8 }, () => random.float() - 0.5)
  const images = Array.from({ length: imageCount }, (_, index) => ({ id: `i${index}`, vector: vector() }))
  const captions = images.flatMap(({ id }, index) =>
    Array.from({ length: 1 + (index % 3) }, (_, at) => ({
      id: `${id}#${at}`,
      imageId: id,
      vector: vector(),
      text: '',
    })),
  )
  return evaluateRetrieval({ images, captions })
}

it('groups the queries by image, and loses none of them', () => {
  const champion = evaluateModel(1)
  const challenger = evaluateModel(2)
  const scores = pairScores(champion, challenger)
  expect(scores.label).toBe('NDCG@10, text to image')
  expect(scores.images).toHaveLength(30)
  expect(scores.images.find(({ imageId }) => imageId === 'i2')?.queries).toBe(3)
  const means = meansOf(scores)
  expect(means.queries).toBe(champion.textToImage.queries)
  expect(means.champion).toBeCloseTo(champion.textToImage.means.ndcg_10, 12)
  expect(means.challenger).toBeCloseTo(challenger.textToImage.means.ndcg_10, 12)
})

it('compares any measure, either way', () => {
  const scores = pairScores(evaluateModel(1), evaluateModel(2), {
    direction: 'imageToText',
    measure: 'reciprocal_rank',
  })
  expect(scores.label).toBe('MRR, image to text')
  expect(meansOf(scores).champion).toBeCloseTo(evaluateModel(1).imageToText.means.reciprocal_rank, 12)
})

it('refuses models that were evaluated on different queries', () => {
  const refused = expect.objectContaining({ code: 'internal' }) as Error
  expect(() => pairScores(evaluateModel(1, 30), evaluateModel(2, 31))).toThrow(refused)
  expect(() => pairScores(evaluateModel(1, 31), evaluateModel(2, 30))).toThrow(refused)
})

it('pools and slices', () => {
  const scores = pairScores(evaluateModel(1), evaluateModel(2))
  const dogs = slice(scores, 'dogs', (imageId) => imageId.endsWith('1'))
  expect(dogs).toMatchObject({ label: 'NDCG@10, text to image, dogs' })
  expect(dogs.images).toHaveLength(3)
  expect(pool(dogs, null).images).toEqual(dogs.images)
  expect(pool(dogs, scores).images).toHaveLength(33)
})
