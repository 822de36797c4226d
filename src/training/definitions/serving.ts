import { numpy as np } from '@jax-js/jax'
import { UNKNOWN_ID } from '../../models/tokeniser.ts'
import type { Argument } from '../lowering/lower.ts'
import { lowerForAnyBatch, type Program, type Signature } from '../lowering/trace.ts'
import { bucketsOf } from './bigrams.ts'
import { imageTower, textTower, type Arrays } from './dual-encoder.ts'
import { weightedMean } from './layers.ts'
import {
  bigramRows,
  frozenShapes,
  imageShapes,
  textShapes,
  widthOfWords,
  type DualEncoderShape,
  type Shapes,
  type WordTower,
} from './shape.ts'

/** A model's arrays by name: trained parameters, constants and `words`, the table of word embeddings. */
export type Weights = Readonly<Record<string, Float32Array>>

type TextInputs = Readonly<Record<'input_ids' | 'attention_mask' | 'words', np.Array>>

/** Unknown words count for nothing, wherever they stand. */
function embedWords(shape: DualEncoderShape, { input_ids, attention_mask, words }: TextInputs): Arrays {
  const [batch = 0, length = 0] = input_ids.shape
  const known = np
    .notEqual(input_ids.ref, np.array(UNKNOWN_ID, { dtype: input_ids.dtype }))
    .astype(attention_mask.dtype)
  const present = attention_mask.mul(known)
  if (shape.words?.kind === 'bag') return { bags: readBag(shape.words, { words, ids: input_ids, present }) }
  return {
    word_rows: np.take(words, np.transpose(input_ids), 0),
    word_mask: np.transpose(present).reshape([length, batch, 1]),
  }
}

type Read = Readonly<Record<'words' | 'ids' | 'present', np.Array>>

/** The mean of the words that are present, plus the mean of the pairs of neighbours that are; zeros where there is none. */
function readBag(tower: WordTower, { words, ids, present }: Read): np.Array {
  const buckets = bigramRows(tower)
  const [, length = 0] = ids.shape
  if (buckets === 0 || length < 2) return weightedMean(np.take(words, ids, 0), present)
  const [rows = 0] = words.shape
  const ofWords = weightedMean(np.take(words.ref, ids.ref, 0), present.ref)
  const [first, second] = [ids.ref.slice([], [0, length - 1]), ids.slice([], [1, length])]
  const both = present.ref.slice([], [0, length - 1]).mul(present.slice([], [1, length]))
  const behind = bucketsOf(first, second, buckets).add(np.array(rows - buckets, { dtype: first.dtype }))
  return ofWords.add(weightedMean(np.take(words, behind, 0), both))
}

/** Arguments that are baked into the file: every one of `names`, from the weights. */
const weightArguments = (weights: Weights, names: readonly string[]): Record<string, Argument> =>
  Object.fromEntries(names.map((name) => [name, { weight: name, data: weights[name] ?? new Float32Array(0) }]))

const signatureOf = (shapes: Shapes): Signature =>
  Object.fromEntries(Object.entries(shapes).map(([name, sizes]) => [name, { shape: sizes }]))

/** `image_head.onnx`: `features` [batch, features] to unit `image_embeds` [batch, embedding]. */
export function imageHeadFile(shape: DualEncoderShape, weights: Weights): Uint8Array {
  const shapes = { ...imageShapes(shape), ...frozenShapes(shape) }
  const program: Program = ({ features, ...arrays }) => ({
    image_embeds: imageTower(shape, arrays, features as np.Array),
  })
  return lowerForAnyBatch(
    'image_head',
    program,
    (batch) => ({ ...signatureOf(shapes), features: { shape: [batch, shape.featureWidth] } }),
    weightArguments(weights, Object.keys(shapes)),
  )
}

/**
 * `text_model.onnx`: int64 `input_ids` and `attention_mask` [batch, maxLength] where the model has words of its own, `sentence_embeds`
 * [batch, width] where it builds on a sentence encoder, to unit `text_embeds` [batch, embedding].
 */
export function textModelFile(shape: DualEncoderShape, weights: Weights): Uint8Array {
  const { words, sentenceWidth, maxLength } = shape
  const shapes = textShapes(shape)
  const rows = (weights['words']?.length ?? 0) / Math.max(1, widthOfWords(shape))
  const program: Program = ({ sentence_embeds, input_ids, attention_mask, words: table, ...arrays }) => ({
    text_embeds: textTower(shape, arrays, {
      ...(words === null ? {} : embedWords(shape, { input_ids, attention_mask, words: table } as TextInputs)),
      ...(sentenceWidth === null ? {} : { sentences: sentence_embeds as np.Array }),
    }),
  })
  const signature = (batch: number): Signature => ({
    ...signatureOf(shapes),
    ...(words === null
      ? {}
      : {
          words: { shape: [rows, words.width] },
          input_ids: { shape: [batch, maxLength], type: 'int32' as const },
          attention_mask: { shape: [batch, maxLength] },
        }),
    ...(sentenceWidth === null ? {} : { sentence_embeds: { shape: [batch, sentenceWidth] } }),
  })
  return lowerForAnyBatch('text_model', program, signature, {
    ...weightArguments(weights, [...Object.keys(shapes), ...(words === null ? [] : ['words'])]),
    input_ids: { input: 'input_ids', type: 'int64' },
    attention_mask: { input: 'attention_mask', type: 'int64' },
  })
}
