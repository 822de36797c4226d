import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { evaluateRetrieval, type RetrievalInput } from '../../src/evaluation/evaluate-retrieval.ts'
import { scoreOf } from '../../src/evaluation/score-blocks.ts'
import type { Result } from '../../src/evaluation/top-results.ts'
import { measureRun } from './measure-run.ts'

/** Images and captions with vectors of a few small whole numbers, so that equal scores are common. */
function smallCollection(seed: number, imageCount: number, captionsEach: number, dimension = 3): RetrievalInput {
  const random = createRandom(seed)
  const vector = () => Float32Array.from({ length: dimension }, () => random.below(4))
  const images = Array.from({ length: imageCount }, (_, index) => ({ id: `i${index}`, vector: vector() }))
  const captions = images.flatMap(({ id }) =>
    Array.from({ length: captionsEach }, (_, index) => ({
      id: `${id}#${index}`,
      imageId: id,
      vector: vector(),
      text: `caption ${random.below(5)}`,
    })),
  )
  return { images, captions }
}

/** The same figures the slow way: every score, sorted by trec_eval's rules. */
function measureByRuns({ images, captions, relevant }: RetrievalInput) {
  const isRelevant = relevant ?? ((caption: { imageId: string }, imageId: string) => caption.imageId === imageId)
  const runs = { text: new Map<string, Result[]>(), image: new Map<string, Result[]>() }
  const judged = { text: new Map<string, Map<string, number>>(), image: new Map<string, Map<string, number>>() }
  for (const caption of captions) {
    runs.text.set(
      caption.id,
      images.map(({ id, vector }) => ({ id, score: scoreOf(caption.vector, vector) })),
    )
    const found = images.filter(({ id }) => isRelevant(caption, id))
    if (found.length > 0) judged.text.set(caption.id, new Map(found.map(({ id }) => [id, 1])))
  }
  for (const image of images) {
    runs.image.set(
      image.id,
      captions.map(({ id, vector }) => ({ id, score: scoreOf(vector, image.vector) })),
    )
    const found = captions.filter((caption) => isRelevant(caption, image.id))
    if (found.length > 0) judged.image.set(image.id, new Map(found.map(({ id }) => [id, 1])))
  }
  return { textToImage: measureRun(runs.text, judged.text), imageToText: measureRun(runs.image, judged.image) }
}

function expectAgreement(input: RetrievalInput): void {
  const evaluation = evaluateRetrieval(input)
  const slow = measureByRuns(input)
  for (const direction of ['textToImage', 'imageToText'] as const) {
    const { perQuery, means, medianRank } = evaluation[direction]
    expect(perQuery).toHaveLength(slow[direction].queries.size)
    for (const { queryId, firstRank, measures } of perQuery) {
      expect({ firstRank, measures }).toEqual(slow[direction].queries.get(queryId))
    }
    for (const [name, value] of Object.entries(slow[direction].means))
      expect(means).toHaveProperty([name], expect.closeTo(value, 10))
    expect(medianRank).toBe(slow[direction].medianRank)
  }
}

describe('evaluateRetrieval', () => {
  it('agrees with sorting every score, ties included', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 4 }), (seed, images, each) =>
        expectAgreement(smallCollection(seed, images, each)),
      ),
    )
  })

  it('agrees across the edges of blocks', () => {
    for (const images of [63, 64, 65, 130]) expectAgreement(smallCollection(images, images, 2, 17))
  })

  it('agrees bit for bit on real-valued vectors', () => {
    const random = createRandom(5)
    const { images, captions } = smallCollection(5, 70, 3, 33)
    const real = <T extends { vector: Float32Array }>(item: T): T => ({
      ...item,
      vector: item.vector.map(() => random.float() - 0.5),
    })
    expectAgreement({ images: images.map(real), captions: captions.map(real) })
  })

  it('counts all images that satisfy a caption as relevant to it', () => {
    const collection = smallCollection(9, 20, 2)
    const lastDigit = (id: string) => id.split('#')[0]?.at(-1)
    expectAgreement({
      ...collection,
      relevant: (caption, imageId) => lastDigit(caption.imageId) === lastDigit(imageId),
    })
  })

  it('does not depend on the order of the input', () => {
    const collection = smallCollection(3, 40, 3)
    const reversed = { images: [...collection.images].reverse(), captions: [...collection.captions].reverse() }
    expect(evaluateRetrieval(reversed)).toEqual(evaluateRetrieval(collection))
  })

  it('is perfect when every caption lies on its image', () => {
    const axis = (at: number) => Float32Array.from({ length: 6 }, (_, index) => (index === at ? 1 : 0))
    const images = Array.from({ length: 6 }, (_, index) => ({ id: `i${index}`, vector: axis(index) }))
    const captions = images.map(({ id, vector }) => ({ id: `c${id}`, imageId: id, vector, text: id }))
    const { textToImage, imageToText } = evaluateRetrieval({ images, captions })
    for (const { means, medianRank } of [textToImage, imageToText]) {
      expect(means).toMatchObject({ success_1: 1, reciprocal_rank: 1, average_precision: 1, ndcg_10: 1 })
      expect(medianRank).toBe(1)
    }
  })

  it('leaves out and counts queries to which nothing is relevant', () => {
    const { images, captions } = smallCollection(4, 5, 1)
    const orphan = { id: 'orphan', imageId: 'gone', vector: Float32Array.of(1, 1, 1), text: 'a lost caption' }
    const { textToImage } = evaluateRetrieval({ images, captions: [...captions, orphan] })
    expect(textToImage).toMatchObject({ queries: 5, unjudged: 1 })
  })

  it('answers for nothing with zeros', () => {
    const { textToImage } = evaluateRetrieval({ images: [], captions: [] })
    expect(textToImage).toMatchObject({ queries: 0, medianRank: null })
    expect(textToImage.means.ndcg_10).toBe(0)
  })

  it('refuses a broken model instead of ranking its NaN first', () => {
    const { images, captions } = smallCollection(4, 5, 1)
    const broken = images.map(({ id, vector }) => ({ id, vector: vector.map(() => NaN) }))
    const code = expect.objectContaining({ code: 'invalid-vector' }) as Error
    expect(() => evaluateRetrieval({ images: broken, captions })).toThrow(code)
    const short = images.map(({ id }) => ({ id, vector: Float32Array.of(1, 2) }))
    expect(() => evaluateRetrieval({ images: short, captions })).toThrow(code)
  })

  it('refuses an id used twice', () => {
    const { images, captions } = smallCollection(4, 5, 1)
    expect(() => evaluateRetrieval({ images: [...images, ...images], captions })).toThrow(
      expect.objectContaining({ code: 'invalid-request' }),
    )
  })
})
