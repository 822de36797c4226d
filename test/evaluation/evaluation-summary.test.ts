import { expect, it } from 'vitest'
import { evaluateRetrieval } from '../../src/evaluation/evaluate-retrieval.ts'
import { summariseEvaluation } from '../../src/evaluation/evaluation-summary.ts'

it('names every mean of both directions, and the median ranks that exist', () => {
  const images = [0, 1].map((at) => ({ id: `i${at}`, vector: Float32Array.of(1 - at, at) }))
  const captions = [0, 1, 1].map((at, index) => ({
    id: `c${index}`,
    imageId: `i${at}`,
    vector: Float32Array.of(at, 1 - at),
    text: '',
  }))
  const summary = summariseEvaluation(evaluateRetrieval({ images, captions }))
  expect(summary).toMatchObject({
    text_to_image_success_1: 0,
    text_to_image_success_5: 1,
    text_to_image_median_rank: 2,
    text_to_image_queries: 3,
    image_to_text_queries: 2,
  })
  expect(Object.keys(summary)).toHaveLength(28)
  expect(summariseEvaluation(evaluateRetrieval({ images: [], captions: [] }))).not.toHaveProperty(
    'text_to_image_median_rank',
  )
})
