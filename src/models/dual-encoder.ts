import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { normalise } from '../core/vector.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { Backbone } from './backbone.ts'
import { openBackboneThread } from './backbone-thread.ts'
import type { FeatureCache } from './feature-cache.ts'
import { computeFeatures } from './image-features.ts'
import { createMicroBatcher } from './micro-batcher.ts'
import { readDualEncoderConfiguration, readModelJson, type DualEncoderConfiguration } from './model-config.ts'
import { checkModelFolder, IMAGE_BACKBONE_FILE, IMAGE_HEAD_FILE, TEXT_MODEL_FILE } from './model-folder.ts'
import { openOnnxSession, type OnnxSession } from './onnx-session.ts'
import { createTokeniser, PADDING_ID, type Tokeniser } from './tokeniser.ts'

type DualEncoderOptions = {
  /** Where the features of pictures that have an id are looked up and kept; without it every picture is decoded. */
  readonly features?: FeatureCache
  /** Threads within an operator. Default 1. */
  readonly threads?: number
}

/** Items a run at most, and how long the first waits for others, in milliseconds. */
const HEADS_A_RUN = 64
const TEXTS_A_RUN = 64
const WAIT = 2

/**
 * Opens a model that was trained here: a frozen backbone, an image head and a text model in one folder. Pictures and texts go
 * through lanes of their own, where calls made at the same time are joined. A picture's vector is the head's for the mean of
 * its features under the configuration's views, as in training. Throws `model-not-found`, `model-invalid` or `model-corrupt`.
 */
export async function openDualEncoder(folder: string, options: DualEncoderOptions = {}): Promise<Encoder> {
  await checkModelFolder(folder)
  const config = await readDualEncoderConfiguration(folder)
  const tokeniser = createTokeniser(await readModelJson(folder, 'tokenizer.json'))
  const threads = { threads: options.threads ?? 1 }
  const opened: { close(): Promise<void> }[] = []
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const part = await opening
    opened.push(part)
    return part
  }
  try {
    const backbone = await keep(openBackboneThread(folder, { ...threads, file: IMAGE_BACKBONE_FILE }))
    const imageHead = await keep(openOnnxSession(join(folder, IMAGE_HEAD_FILE), threads))
    const textModel = await keep(openOnnxSession(join(folder, TEXT_MODEL_FILE), threads))
    checkWidths(folder, config, backbone)
    return createEncoder(config, tokeniser, { backbone, imageHead, textModel }, options.features)
  } catch (error) {
    await Promise.all(opened.map((part) => part.close()))
    throw error
  }
}

function checkWidths(folder: string, config: DualEncoderConfiguration, backbone: Backbone): void {
  if (config.feature_width === backbone.featureWidth) return
  const widths = `${config.feature_width} features, its backbone gives ${backbone.featureWidth}`
  throw new AppError(
    'model-invalid',
    `${folder}: the head takes ${widths}; put it together with the backbone it was trained on.`,
  )
}

type Parts = { readonly backbone: Backbone; readonly imageHead: OnnxSession; readonly textModel: OnnxSession }

function createEncoder(
  config: DualEncoderConfiguration,
  tokeniser: Tokeniser,
  { backbone, imageHead, textModel }: Parts,
  cache: FeatureCache | undefined,
): Encoder {
  const dimension = config.projection_dim

  const headLane = createMicroBatcher<Float32Array, Float32Array>({
    maxSize: HEADS_A_RUN,
    maxAge: 0,
    async run(features) {
      const shape = [features.length, config.feature_width]
      const data = new Float32Array(features.length * config.feature_width)
      features.forEach((row, index) => data.set(row, index * config.feature_width))
      const { image_embeds } = await imageHead.run({ features: { data, shape } }, ['image_embeds'])
      return unitRows(image_embeds.data, features.length, dimension)
    },
  })

  const fixedLength = textModel.inputs[0]?.shape[1]
  const textLane = createMicroBatcher<readonly number[], Float32Array>({
    maxSize: TEXTS_A_RUN,
    maxAge: WAIT,
    async run(texts) {
      const length = typeof fixedLength === 'number' ? fixedLength : Math.max(1, ...texts.map((ids) => ids.length))
      const shape = [texts.length, length]
      const input_ids = { data: new BigInt64Array(texts.length * length).fill(BigInt(PADDING_ID)), shape }
      const attention_mask = { data: new BigInt64Array(texts.length * length), shape }
      texts.forEach((ids, row) => {
        ids.slice(0, length).forEach((id, place) => {
          input_ids.data[row * length + place] = BigInt(id)
          attention_mask.data[row * length + place] = 1n
        })
      })
      const { text_embeds } = await textModel.run({ input_ids, attention_mask }, ['text_embeds'])
      return unitRows(text_embeds.data, texts.length, dimension)
    },
  })

  return {
    modelVersion: config.model_version,
    dimension,
    async encodeImages(images, signal) {
      const features = await (cache?.features(images, backbone, config.views, signal) ??
        computeFeatures(images, backbone, config.views, signal))
      return headLane.submit(features.map(meanOf))
    },
    encodeTexts: (texts) => textLane.submit(texts.map((text) => tokeniser.encode(text))),
    async close() {
      await Promise.all([headLane.close(), textLane.close()])
      await Promise.all([backbone.close(), imageHead.close(), textModel.close()])
    },
  }
}

function meanOf(views: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array()] = views
  return first.map((_, i) => views.reduce((sum, view) => sum + (view[i] ?? 0), 0) / views.length)
}

/** Unit rows of a matrix. A text without a known word may be zero before, and is then the same for all such texts. */
function unitRows(values: Float32Array, rows: number, width: number): Float32Array[] {
  if (values.length !== rows * width || !values.every(Number.isFinite)) {
    throw new AppError('model-corrupt', `The model does not give ${width} numbers a vector; export it again.`)
  }
  return Array.from({ length: rows }, (_, row) => {
    const unit = normalise(values.slice(row * width, (row + 1) * width))
    if (unit.every((value) => value === 0)) unit[0] = 1
    return unit
  })
}
