import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../core/errors.ts'
import type { Encoder } from '../ports/encoder.ts'
import { openBackbone, type Backbone } from './backbone.ts'
import type { FeatureCache } from './feature-cache.ts'
import { computeFeatures } from './image-features.ts'
import { createMicroBatcher } from './micro-batcher.ts'
import { readDualEncoderConfiguration, type DualEncoderConfiguration } from './model-config.ts'
import { checkModelFolder, CLIP_FOLDER, IMAGE_BACKBONE_FILE, IMAGE_HEAD_FILE } from './model-folder.ts'
import { openOnnxSession, type OnnxSession } from './onnx-session.ts'
import { openClip, type Clip } from './pretrained/clip.ts'
import type { Regions } from './regions.ts'
import { openTextTower, type TextTower } from './text-tower.ts'
import { unitRows } from './unit-rows.ts'

type DualEncoderOptions = {
  /** Where the features of pictures and captions that have an id are looked up and kept; without it all are decoded and read. */
  readonly features?: FeatureCache
  /** Threads within an operator. Default 1. */
  readonly threads?: number
}

const HEADS_A_RUN = 64

/**
 * Opens a model that was trained here: a frozen backbone, an image head and a text model in one folder, or a CLIP in the place of the
 * backbone and of what reads texts. Pictures and texts go through lanes of their own, where calls made at the same time are joined. A
 * picture's vector is the head's for the mean of its features under the configuration's views, as in training. Throws `model-not-found`, `model-invalid` or `model-corrupt`.
 */
export async function openDualEncoder(folder: string, options: DualEncoderOptions = {}): Promise<Encoder> {
  await checkModelFolder(folder)
  const config = await readDualEncoderConfiguration(folder)
  const threads = { threads: options.threads ?? 1 }
  const opened: { close(): Promise<void> }[] = []
  const closeAll = async (): Promise<void> => {
    await Promise.all(opened.map((part) => part.close()))
  }
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const part = await opening
    opened.push(part)
    return part
  }
  try {
    const onThread = { ...threads, onThread: true }
    const clip = config.clip == null ? null : await keep(openClip(join(folder, CLIP_FOLDER), onThread))
    if (clip !== null) checkClip(folder, config, clip)
    const { regions = null } = config
    const reading = { ...onThread, file: IMAGE_BACKBONE_FILE, showMap: regions !== null }
    const network = clip?.vision ?? (await keep(openBackbone(folder, reading)))
    const backbone = regions === null ? network : network.withRegions(Math.max(regions.rows, regions.columns))
    const imageHead = await keep(openOnnxSession(join(folder, IMAGE_HEAD_FILE), threads))
    const texts = await keep(openTextTower(folder, config, { ...options, ...threads, sentences: clip?.texts }))
    checkWidths(folder, config, backbone)
    return createEncoder(config, { backbone, imageHead, texts, closeAll }, options.features)
  } catch (error) {
    await closeAll()
    throw error
  }
}

function checkWidths(folder: string, config: DualEncoderConfiguration, backbone: Backbone): void {
  const { feature_width: width, regions = null } = config
  if (width === backbone.featureWidth && isDeepStrictEqual(regions, backbone.regions)) return
  const described = (all: number, ending: Regions | null): string =>
    ending === null
      ? `${all} features`
      : `${all} features with ${ending.rows} x ${ending.columns} regions of ${ending.width}`
  const widths = `${described(width, regions)}, its backbone gives ${described(backbone.featureWidth, backbone.regions)}`
  throw new AppError(
    'model-invalid',
    `${folder}: the head takes ${widths}; put it together with the backbone it was trained on.`,
  )
}

function checkClip(folder: string, { clip: expected }: DualEncoderConfiguration, { id }: Clip): void {
  if (expected?.id === id) return
  throw new AppError(
    'model-invalid',
    `${folder} was made on the CLIP ${expected?.id ?? ''}, and ${CLIP_FOLDER}/ holds ${id}; put it together with the one it was made on.`,
  )
}

type Parts = {
  readonly backbone: Backbone
  readonly imageHead: OnnxSession
  readonly texts: TextTower
  readonly closeAll: () => Promise<void>
}

function createEncoder(
  config: DualEncoderConfiguration,
  { backbone, imageHead, texts, closeAll }: Parts,
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

  return {
    modelVersion: config.model_version,
    dimension,
    async encodeImages(images, signal) {
      const features = await (cache?.features(images, backbone, config.views, signal) ??
        computeFeatures(images, backbone, config.views, signal))
      return headLane.submit(features.map(meanOf))
    },
    encodeTexts: texts.encode,
    async close() {
      await headLane.close()
      await closeAll()
    },
  }
}

function meanOf(views: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array()] = views
  return first.map((_, i) => views.reduce((sum, view) => sum + (view[i] ?? 0), 0) / views.length)
}
