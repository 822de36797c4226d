import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { normalise } from '../../core/vector.ts'
import type { Encoder } from '../../ports/encoder.ts'
import type { FeatureCache } from '../feature-cache.ts'
import { computeFeatures } from '../image-features.ts'
import { readModelJson } from '../model-config.ts'
import { openClipTowers, type ClipTowerOptions } from './clip-towers.ts'
import { openPretrainedTokeniser } from './pretrained-tokeniser.ts'
import { parsed } from './tokeniser-json.ts'

type ClipEncoderOptions = ClipTowerOptions & {
  /** Where the embeddings of pictures that have an id are looked up and kept; without it every picture is decoded. */
  readonly features?: FeatureCache
  /** What the model calls itself. Default `clip-` and 16 digits of what its vectors depend on. */
  readonly modelVersion?: string
  /** What lies between the frozen halves and the common space. Default nothing: zero-shot. */
  readonly adapters?: ClipAdapters
}

/**
 * From an embedding of a half to where it is searched, not normalised: the place of trained residual adapters. What they depend on
 * belongs in `id`.
 */
export type ClipAdapters = {
  readonly id: string
  image(embedding: Float32Array): Float32Array
  text(embedding: Float32Array): Float32Array
}

const zeroShot: ClipAdapters = { id: 'zero-shot', image: (embedding) => embedding, text: (embedding) => embedding }

const configuration = z.looseObject({
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().default(77) }).default({
    max_position_embeddings: 77,
  }),
})

/** A picture as it is: CLIP was trained without mirror images. */
const VIEWS = ['plain'] as const

/**
 * Opens a CLIP as the hubs publish it in ONNX (`onnx/vision_model.onnx` and `onnx/text_model.onnx`, or both in `onnx/model.onnx`), with
 * `tokenizer.json` and `preprocessor_config.json`. Throws `model-invalid` or `model-corrupt`.
 */
export async function openClipEncoder(folder: string, options: ClipEncoderOptions = {}): Promise<Encoder> {
  const config = parsed(configuration, await readModelJson(folder, 'config.json'), join(folder, 'config.json'))
  const tokeniser = await openPretrainedTokeniser(folder, config.text_config.max_position_embeddings)
  const { vision, text } = await openClipTowers(folder, tokeniser.paddingId, options)
  const { features: cache, adapters = zeroShot } = options
  const close = async (): Promise<void> => {
    await Promise.all([vision.close(), text.close()])
  }
  try {
    const embed = (texts: readonly string[]) => text.run(texts.map((one) => tokeniser.encode(one)))
    const [probe = new Float32Array()] = await embed(['a'])
    if (probe.length !== vision.featureWidth) {
      const widths = `pictures have ${vision.featureWidth} numbers, texts ${probe.length}`
      throw new AppError('model-invalid', `${folder}: ${widths}; take both files from one model.`)
    }
    const depends = [vision.id, text.digest, sha256Hex(await readFile(join(folder, 'tokenizer.json'))), adapters.id]
    return {
      modelVersion: options.modelVersion ?? `clip-${sha256Hex(depends.join('\n')).slice(0, 16)}`,
      dimension: adapters.text(probe).length,
      async encodeImages(images, signal) {
        const rows = await (cache?.features(images, vision, VIEWS, signal) ??
          computeFeatures(images, vision, VIEWS, signal))
        return rows.map(([embedding = new Float32Array()]) => normalise(adapters.image(embedding)))
      },
      async encodeTexts(texts) {
        return (await embed(texts)).map((embedding) => normalise(adapters.text(embedding)))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
