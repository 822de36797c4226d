import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { normalise } from '../../core/vector.ts'
import type { Backbone } from '../backbone.ts'
import { readModelJson } from '../model-config.ts'
import { openClipTowers, type ClipTowerOptions, type ClipTowers } from './clip-towers.ts'
import { openPretrainedTokeniser, type PretrainedTokeniser } from './pretrained-tokeniser.ts'
import type { SentenceEncoder } from './sentence-encoder.ts'
import { parsed } from './tokeniser-json.ts'

/** A published CLIP: two frozen networks, from pictures and from texts to one space. */
export type Clip = {
  /** Names the files that its vectors depend on. 16 hexadecimal digits. */
  readonly id: string
  /** Numbers of an embedding, of either half. */
  readonly width: number
  /** Features are the projected embeddings, not normalised. */
  readonly vision: Backbone
  /** Sentences are the projected embeddings, at unit length; there are no states of tokens. */
  readonly texts: SentenceEncoder
  /** Closes both halves. */
  close(): Promise<void>
}

const configuration = z.looseObject({
  text_config: z.looseObject({ max_position_embeddings: z.number().int().positive().default(77) }).default({
    max_position_embeddings: 77,
  }),
})

const idOf = (parts: readonly string[]): string => sha256Hex(parts.join('\n')).slice(0, 16)

/**
 * Opens a CLIP as the hubs publish it in ONNX (`onnx/vision_model.onnx` and `onnx/text_model.onnx` or their smaller kin, or both in
 * `onnx/model.onnx`), with `tokenizer.json` and `preprocessor_config.json`. Throws `model-invalid` or `model-corrupt`.
 */
export async function openClip(folder: string, options: ClipTowerOptions = {}): Promise<Clip> {
  const config = parsed(configuration, await readModelJson(folder, 'config.json'), join(folder, 'config.json'))
  const tokeniser = await openPretrainedTokeniser(folder, config.text_config.max_position_embeddings)
  const towers = await openClipTowers(folder, tokeniser.paddingId, options)
  const { vision, text } = towers
  const close = async (): Promise<void> => {
    await Promise.all([vision.close(), text.close()])
  }
  const wholeTextsOnly = (): AppError =>
    new AppError(
      'model-invalid',
      `${folder} is a CLIP, which gives vectors of whole texts only; take another sentence encoder.`,
    )
  try {
    const width = await commonWidth(folder, towers, tokeniser)
    const digestOf = async (name: string): Promise<string> => sha256Hex(await readFile(join(folder, name)))
    const reading = [text.digest, await digestOf('tokenizer.json'), String(tokeniser.maxLength)]
    const seeing = [vision.digest, await digestOf('preprocessor_config.json')]
    const texts: SentenceEncoder = {
      id: idOf(reading),
      width,
      async encode(given) {
        const rows = await text.run(given.map((one) => tokeniser.encode(one)))
        return rows.map(normalise)
      },
      states: () => Promise.reject(wholeTextsOnly()),
      vectorOf() {
        throw wholeTextsOnly()
      },
      close: () => text.close(),
    }
    return { id: idOf([...seeing, ...reading]), width, vision, texts, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function commonWidth(
  folder: string,
  { vision, text }: ClipTowers,
  tokeniser: PretrainedTokeniser,
): Promise<number> {
  const [probe = new Float32Array()] = await text.run([tokeniser.encode('a')])
  if (probe.length === vision.featureWidth) return probe.length
  const widths = `pictures have ${vision.featureWidth} numbers, texts ${probe.length}`
  throw new AppError('model-invalid', `${folder}: ${widths}; take both files from one model.`)
}
