import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import { textModelFile } from '../../src/training/definitions/serving.ts'
import { textShapes, type DualEncoderShape } from '../../src/training/definitions/shape.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { TINY_SENTENCE_WIDTH, writeTinySentenceEncoder } from './pretrained/tiny-sentence-encoder.ts'
import { TINY_CAPTIONS, writeTinyModel } from './tiny-model.ts'

const WORD_WIDTH = 4

/** Weights that are the same every time, other ones for each name. */
const weightsOf = (sizes: readonly number[], at: number): Float32Array =>
  Float32Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin((i + 1) * (at + 2.7)))

/** Writes a complete model, never trained, that builds on a tiny sentence encoder: with words of its own, or without. */
export async function writeSentenceModel(kind: 'bag' | 'gru' | 'none') {
  await startJax()
  const sentenceFolder = await writeTinySentenceEncoder(TINY_CAPTIONS.flatMap((caption) => caption.split(' ')))
  const folder = join(await temporaryFolder(), 'model')
  const { backboneFolder, dimension } = await writeTinyModel(folder)
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { feature_width: number }
  const tokeniser = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number> }
  }
  const words = { bag: { kind: 'bag', width: WORD_WIDTH }, gru: { kind: 'gru', width: WORD_WIDTH, hidden: 6 }, none: null } as const // prettier-ignore
  const shape: DualEncoderShape = {
    featureWidth: config.feature_width,
    imageHead: { kind: 'linear' as const },
    embeddingWidth: dimension,
    maxLength: 8,
    words: words[kind],
    sentenceWidth: TINY_SENTENCE_WIDTH,
  }
  const shapes = { ...textShapes(shape), words: [Object.keys(tokeniser.model.vocab).length, WORD_WIDTH] }
  const weights = Object.fromEntries(Object.entries(shapes).map(([name, sizes], at) => [name, weightsOf(sizes, at)]))
  await writeFile(join(folder, 'onnx', 'text_model.onnx'), textModelFile(shape, weights))
  const described = { ...config, text_tower: shape.words, sentence_width: TINY_SENTENCE_WIDTH }
  await writeFile(join(folder, 'config.json'), JSON.stringify(described))
  await assembleModelFolder(folder, backboneFolder, sentenceFolder)
  return { folder, backboneFolder, sentenceFolder, dimension, shape }
}
