import { openBackbone } from '../../src/models/backbone.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import { buildTokeniser, countWords, createTokeniser } from '../../src/models/tokeniser.ts'
import { exportModel } from '../../src/training/export-model.ts'
import { initialWeights } from '../../src/training/parameters.ts'

/** As of a model that was trained on many pairs: what an embedding costs depends on the sizes, not on the weights. */
const WORD_WIDTH = 512
const sizes = {
  embeddingWidth: 512,
  imageHead: { kind: 'linear' as const },
  maxLength: 24,
  words: { kind: 'bag', width: WORD_WIDTH },
  sentenceWidth: null,
} as const

/** The version that the model says it is. */
export const UNTRAINED = 'm-untrained'

/** Writes a complete model folder over the backbone, with the weights that a training starts from. */
export async function writeUntrainedModel(
  folder: string,
  backboneFolder: string,
  captions: readonly string[],
): Promise<void> {
  const backbone = await openBackbone(backboneFolder)
  await backbone.close()
  const { featureWidth } = backbone
  const vocabulary = { minimumCount: 1, maxSize: 20_000, maxLength: sizes.maxLength }
  const tokeniser = buildTokeniser(countWords(captions), vocabulary)
  const shape = { ...sizes, featureWidth }
  const weights = {
    ...initialWeights(shape, 1),
    words: Float32Array.from({ length: createTokeniser(tokeniser).size * WORD_WIDTH }, (_, i) => Math.sin(i)),
    feature_mean: new Float32Array(featureWidth),
    feature_scale: new Float32Array(featureWidth).fill(1),
  }
  await exportModel(folder, { modelVersion: UNTRAINED, shape, views: ['plain', 'flipped'], tokeniser, weights })
  await assembleModelFolder(folder, backboneFolder)
}
