import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { PADDING_ID } from '../models/tokeniser.ts'
import { bucketOf } from './definitions/bigrams.ts'
import { bigramRows, type WordTower } from './definitions/shape.ts'
import { eachBigram } from './word-readings.ts'
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

type Vocabulary = Readonly<Record<string, number>>

/** A model that training starts from. */
type Parent = {
  /** Copies all but the words over initial weights, which hold no words. Throws `training-failed` when the parent's arrays have other sizes. */
  copyHeads(weights: Readonly<Record<string, Float32Array>>): void
  /**
   * Copies the rows of the words that the parent knows to `words`; others keep their place. Ids are other ones there, and with them the buckets of
   * pairs: a bucket begins as the mean of what the pairs in `captions` that share it had. Throws `training-failed` when the parent has other
   * buckets.
   */
  copyWords(words: Float32Array, vocabulary: Vocabulary, tower: WordTower, captions: Iterable<ArrayLike<number>>): void
}

const misfit = (folder: string, what: string): AppError =>
  new AppError(
    'training-failed',
    `The model in ${folder} has another ${what}; train from scratch after changing widths or backbone.`,
  )

/** The model in `folder`, to start from. Throws `model-invalid` when there is none. */
export async function readParent(folder: string): Promise<Parent> {
  const parent = await readModel(folder)
  return {
    copyHeads(weights) {
      for (const [name, values] of Object.entries(weights)) {
        const learned = parent.weights.get(name)
        if (learned?.length !== values.length) throw misfit(folder, name)
        values.set(learned)
      }
    },
    copyWords(words, vocabulary, tower, captions) {
      const table = parent.weights.get('words') ?? new Float32Array(0)
      const { width } = tower
      const size = Object.keys(parent.vocabulary).length
      if (table.length !== (size + bigramRows(tower)) * width) {
        throw misfit(folder, 'number of buckets for pairs of words')
      }
      const rows = (from: number) => table.subarray(from * width)
      const parentIds = new Int32Array(Object.keys(vocabulary).length)
      for (const [word, id] of Object.entries(vocabulary)) {
        const known = parent.vocabulary[word]
        if (known === undefined) continue
        parentIds[id] = known
        words.set(rows(known).subarray(0, width), id * width)
      }
      copyBigrams(words.subarray(parentIds.length * width), rows(size), tower, { parentIds, captions })
    },
  }
}

type Captions = { readonly parentIds: Int32Array; readonly captions: Iterable<ArrayLike<number>> }

/** Means of the parent's rows, by bucket, over the pairs of the captions whose words it knows. */
function copyBigrams(
  rows: Float32Array,
  parentRows: Float32Array,
  tower: WordTower,
  { parentIds, captions }: Captions,
): void {
  const { width } = tower
  const buckets = bigramRows(tower)
  const seen = new Uint32Array(buckets)
  for (const caption of captions) {
    eachBigram(caption, buckets, (bucket, first, second) => {
      const [before, after] = [parentIds[first] ?? PADDING_ID, parentIds[second] ?? PADDING_ID]
      if (before === PADDING_ID || after === PADDING_ID) return
      const times = (seen[bucket] = (seen[bucket] ?? 0) + 1)
      const from = bucketOf(before, after, buckets) * width
      for (let i = 0; i < width; i++) {
        const at = bucket * width + i
        const mean = times === 1 ? 0 : (rows[at] as number)
        rows[at] = mean + ((parentRows[from + i] as number) - mean) / times
      }
    })
  }
}
