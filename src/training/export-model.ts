import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Precision } from '../models/pretrained/onnx-file.ts'
import { imageHeadFile, textModelFile, type Weights } from './definitions/serving.ts'
import type { DualEncoderShape, ImageHead, WordTower } from './definitions/shape.ts'
import type { TokeniserFile } from '../models/tokeniser.ts'
import type { Regions } from '../models/regions.ts'
import type { View } from '../models/views.ts'
import type { ServedFiles } from './export-precision.ts'
import type { TrainingJob } from './job.ts'
import { writeDurably } from './weights-file.ts'

/** What `config.json` of a dual encoder says; names as in the configurations of published CLIP models where there is one. */
type DualEncoderConfig = {
  readonly model_type: 'pairstream-dual-encoder'
  readonly model_version: string
  /** What reads the model's own words; null where the sentence encoder does it all. */
  readonly text_tower: WordTower | null
  readonly projection_dim: number
  readonly feature_width: number
  /** The regions of a picture that end a row of features; null where there are none. */
  readonly regions: Regions | null
  readonly image_head: ImageHead['kind']
  /** The width of the embeddings by the encoder in `sentence/`, or by the CLIP; null where the model builds on neither. */
  readonly sentence_width: number | null
  /** The CLIP in `clip/` and the hidden units of the adapters over it; null where the model builds on none. */
  readonly clip: { readonly id: string; readonly adapter_width: number } | null
  readonly max_length: number
  /** Words of its own. */
  readonly vocab_size: number
  /** The features of these views are averaged before the image head. */
  readonly views: readonly View[]
  /** Natural logarithm of what similarities are multiplied by in the loss. */
  readonly logit_scale: number
  /** How the weights of the image head and the text model are stored. */
  readonly precision: Precision
}

/** The image head and the text model of these weights. */
export const servedFiles = (shape: DualEncoderShape, weights: Weights): ServedFiles => ({
  imageHead: imageHeadFile(shape, weights),
  textModel: textModelFile(shape, weights),
})

/** The files as they are exported, and the precision of their weights. */
type Exported = { readonly precision: Precision; readonly files: ServedFiles }

/** What a training came to. */
export type TrainedModel = {
  readonly modelVersion: string
  readonly shape: DualEncoderShape
  readonly views: readonly View[]
  readonly regions?: TrainingJob['regions']
  readonly weights: Weights
  /** Null on a CLIP, which has its own. */
  readonly tokeniser: TokeniserFile | null
  readonly clip?: TrainingJob['clip']
}

/** Writes the parts of a model folder that training makes: configuration, image head and text model, and the tokeniser where there is one. */
export async function exportModel(
  folder: string,
  { modelVersion, shape, views, regions = null, weights, tokeniser, clip = null }: TrainedModel,
  { precision, files }: Exported = { precision: 'fp32', files: servedFiles(shape, weights) },
): Promise<void> {
  const config: DualEncoderConfig = {
    model_type: 'pairstream-dual-encoder',
    model_version: modelVersion,
    text_tower: shape.words,
    projection_dim: shape.embeddingWidth,
    feature_width: shape.featureWidth,
    regions,
    image_head: shape.imageHead.kind,
    sentence_width: shape.sentenceWidth,
    clip: clip === null ? null : { id: clip.id, adapter_width: shape.adapterWidth ?? 0 },
    max_length: shape.maxLength,
    vocab_size: Object.keys(tokeniser?.model.vocab ?? {}).length,
    views,
    logit_scale: weights['logit_scale']?.[0] ?? 0,
    precision,
  }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  const json = (value: unknown) => [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]
  await writeDurably(join(folder, 'onnx', 'image_head.onnx'), [files.imageHead])
  await writeDurably(join(folder, 'onnx', 'text_model.onnx'), [files.textModel])
  if (tokeniser !== null) await writeDurably(join(folder, 'tokenizer.json'), json(tokeniser))
  await writeDurably(join(folder, 'config.json'), json(config))
}
