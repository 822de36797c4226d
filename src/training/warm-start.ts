import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { readWeights } from '../models/onnx/read-weights.ts'

const configSchema = z.object({ logit_scale: z.number() })
const tokeniserSchema = z.object({ model: z.object({ vocab: z.record(z.string(), z.number()) }) })

/** The arrays of a model folder as `exportModel` writes it, and its words with their rows. */
async function readModel(folder: string) {
  try {
    const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'))
    const file = async (name: string) => readWeights(await readFile(join(folder, 'onnx', name)))
    const weights = new Map([...(await file('image_head.onnx')), ...(await file('text_model.onnx'))])
    weights.set('logit_scale', Float32Array.of(configSchema.parse(await json('config.json')).logit_scale))
    return { weights, vocabulary: tokeniserSchema.parse(await json('tokenizer.json')).model.vocab }
  } catch (cause) {
    throw new AppError('model-invalid', `${folder} holds no model to start from; train from scratch.`, { cause })
  }
}

/**
 * Copies what the parent model has learned over initial weights; words that it did not know keep their initial values. Throws
 * `model-invalid` when there is no model in the folder, `training-failed` when its arrays have other sizes.
 */
export async function startFrom(
  folder: string,
  weights: Readonly<Record<string, Float32Array>>,
  vocabulary: Readonly<Record<string, number>>,
  wordWidth: number,
): Promise<void> {
  const parent = await readModel(folder)
  for (const [name, values] of Object.entries(weights)) {
    if (name === 'words') continue
    const learned = parent.weights.get(name)
    if (learned?.length !== values.length) {
      const detail = `The model in ${folder} has another ${name}; train from scratch after changing widths or backbone.`
      throw new AppError('training-failed', detail)
    }
    values.set(learned)
  }
  const table = parent.weights.get('words') ?? new Float32Array(0)
  for (const [word, id] of Object.entries(vocabulary)) {
    const known = parent.vocabulary[word]
    if (known === undefined) continue
    weights['words']?.set(table.subarray(known * wordWidth, (known + 1) * wordWidth), id * wordWidth)
  }
}
