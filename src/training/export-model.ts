import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { imageHeadFile, textModelFile, type Weights } from './definitions/serving.ts'
import type { DualEncoderShape, WordTower } from './definitions/shape.ts'
import type { TokeniserFile } from '../models/tokeniser.ts'
import { writeDurably } from './weights-file.ts'

/** What `config.json` of a dual encoder says; names as in the configurations of published CLIP models where there is one. */
type DualEncoderConfig = {
  readonly model_type: 'pairstream-dual-encoder'
  readonly model_version: string
  /** What reads the model's own words; null where the sentence encoder does it all. */
  readonly text_tower: WordTower | null
  readonly projection_dim: number
  readonly feature_width: number
  readonly max_length: number
  readonly vocab_size: number
  /** The features of these views are averaged before the image head. */
  readonly views: readonly ['plain', 'flipped']
  /** Natural logarithm of what similarities are multiplied by in the loss. */
  readonly logit_scale: number
}

/** Writes the parts of a model folder that training makes: configuration, tokeniser, image head and text model. */
export async function exportModel(
  folder: string,
  modelVersion: string,
  shape: DualEncoderShape,
  tokeniser: TokeniserFile,
  weights: Weights,
): Promise<void> {
  const config: DualEncoderConfig = {
    model_type: 'pairstream-dual-encoder',
    model_version: modelVersion,
    text_tower: shape.words,
    projection_dim: shape.embeddingWidth,
    feature_width: shape.featureWidth,
    max_length: shape.maxLength,
    vocab_size: Object.keys(tokeniser.model.vocab).length,
    views: ['plain', 'flipped'],
    logit_scale: weights['logit_scale']?.[0] ?? 0,
  }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  const json = (value: unknown) => [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]
  await writeDurably(join(folder, 'onnx', 'image_head.onnx'), [imageHeadFile(shape, weights)])
  await writeDurably(join(folder, 'onnx', 'text_model.onnx'), [textModelFile(shape, weights)])
  await writeDurably(join(folder, 'tokenizer.json'), json(tokeniser))
  await writeDurably(join(folder, 'config.json'), json(config))
}
