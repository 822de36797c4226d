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
    // Without words of its own a model may have no such file.
    const words = weights.has('words') ? tokeniserSchema.parse(await json('tokenizer.json')) : null
    return { weights, vocabulary: words?.model.vocab ?? {} }
  } catch (cause) {
    throw new AppError('model-invalid', `${folder} holds no model to start from; train from scratch.`, { cause })
  }
}

/** A model that training starts from. */
type Parent = {
  /** Copies all but the words over initial weights, which hold no words. Throws `training-failed` when the parent's arrays have other sizes. */
  copyHeads(weights: Readonly<Record<string, Float32Array>>): void
  /** Copies the rows of the words that the parent knows to `words`; others keep their place. */
  copyWords(words: Float32Array, vocabulary: Readonly<Record<string, number>>, wordWidth: number): void
}

/** The model in `folder`, to start from. Throws `model-invalid` when there is none. */
export async function readParent(folder: string): Promise<Parent> {
  const parent = await readModel(folder)
  return {
    copyHeads(weights) {
      for (const [name, values] of Object.entries(weights)) {
        const learned = parent.weights.get(name)
        if (learned?.length !== values.length) {
          const detail = `The model in ${folder} has another ${name}; train from scratch after changing widths or backbone.`
          throw new AppError('training-failed', detail)
        }
        values.set(learned)
      }
    },
    copyWords(words, vocabulary, wordWidth) {
      const table = parent.weights.get('words') ?? new Float32Array(0)
      for (const [word, id] of Object.entries(vocabulary)) {
        const known = parent.vocabulary[word]
        if (known === undefined) continue
        words.set(table.subarray(known * wordWidth, (known + 1) * wordWidth), id * wordWidth)
      }
    },
  }
}
