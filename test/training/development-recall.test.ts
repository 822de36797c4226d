import { beforeAll, describe, expect, it } from 'vitest'
import { imageHeadFile, textModelFile } from '../../src/training/definitions/serving.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { developmentRecall, loadDevelopmentFold } from '../../src/training/development-recall.ts'
import { openFeatureFile } from '../../src/training/feature-file.ts'
import { writeTrainingData } from '../../src/training/training-data.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { exampleSet } from './examples.ts'

const WIDTH = 12
const words = { kind: 'bag' as const, width: WIDTH }
const shape = {
  featureWidth: WIDTH,
  embeddingWidth: WIDTH,
  imageHead: { kind: 'linear' as const },
  maxLength: 2,
  words,
  sentenceWidth: null,
}
const identity = Float32Array.from({ length: WIDTH * WIDTH }, (_, i) => (i % (WIDTH + 1) === 0 ? 1 : 0))
/** Word `2 + i` and feature `i` are the same direction. */
const weights = {
  feature_mean: new Float32Array(WIDTH),
  feature_scale: new Float32Array(WIDTH).fill(1),
  image_projection_weight: identity,
  image_projection_bias: new Float32Array(WIDTH),
  words_projection_weight: identity,
  words_projection_bias: new Float32Array(WIDTH),
  words: Float32Array.from([...new Float32Array(2 * WIDTH), ...identity]),
}
const oneHot = (index: number) => Float32Array.from({ length: WIDTH }, (_, i) => (i === index ? 1 : 0))

beforeAll(startJax)

describe('development recall', () => {
  const recallOf = async (captions: readonly { row: number; ids: readonly number[] }[]) => {
    const folder = await temporaryFolder()
    const views = (index: number) => [oneHot(index), oneHot(index)]
    await writeTrainingData(
      folder,
      Array.from({ length: WIDTH }, (_, i) => ({ views: views(i), captions: [`${i}`], fold: 'development' as const })),
    )
    const features = openFeatureFile(folder, 2, WIDTH)
    const all = exampleSet(Array.from({ length: WIDTH }, (_, row) => ({ row, words: [2 + row] })))
    const fold = loadDevelopmentFold(all, { features, sentences: null }, 2, shape)
    features.close()
    const files = { imageHead: imageHeadFile(shape, weights), textModel: textModelFile(shape, weights) }
    return developmentRecall(
      { ...fold, captions: captions.map(({ row, ids }) => ({ image: row, ids, sentence: null })) },
      files,
      shape,
      1,
    )
  }

  it('is whole where every caption finds its picture first', async () => {
    const captions = Array.from({ length: WIDTH }, (_, row) => ({ row, ids: [2 + row] }))
    expect(await recallOf(captions)).toEqual({
      textToImage: { at1: 1, at5: 1, at10: 1 },
      imageToText: { at1: 1, at5: 1, at10: 1 },
    })
  })

  it('counts a caption at the rank of its own picture', async () => {
    const recall = await recallOf([
      { row: 3, ids: [2 + 3, 2 + 4] },
      { row: 3, ids: [2 + 4] },
    ])
    expect(recall.textToImage).toEqual({ at1: 0.5, at5: 1, at10: 1 })
  })

  it('counts a picture at the rank of its best caption', async () => {
    // Each picture's caption speaks of the next one.
    const others = Array.from({ length: WIDTH }, (_, row) => ({ row, ids: [2 + ((row + 1) % WIDTH)] }))
    expect((await recallOf(others)).imageToText).toEqual({ at1: 0, at5: 1, at10: 1 })
    const both = Array.from({ length: WIDTH }, (_, row) => ({ row, ids: [2 + row] }))
    expect((await recallOf([...others, ...both])).imageToText).toEqual({ at1: 1, at5: 1, at10: 1 })
  })

  it('is zero without captions', async () => {
    expect(await recallOf([])).toEqual({
      textToImage: { at1: 0, at5: 0, at10: 0 },
      imageToText: { at1: 0, at5: 0, at10: 0 },
    })
  })

  it('averages the views of a picture', async () => {
    const folder = await temporaryFolder()
    await writeTrainingData(folder, [{ views: [oneHot(0), oneHot(1)], captions: ['a'], fold: 'development' as const }])
    const features = openFeatureFile(folder, 2, WIDTH)
    const fold = loadDevelopmentFold(exampleSet([{ row: 0, words: [2] }]), { features, sentences: null }, 2, shape)
    features.close()
    expect([...fold.features.slice(0, 3)]).toEqual([0.5, 0.5, 0])
  })
})
