import { numpy as np } from '@jax-js/jax'
import { UNKNOWN_ID } from '../tokeniser.ts'
import type { Argument } from '../onnx/lower.ts'
import { lowerForAnyBatch, type Program, type Signature } from '../onnx/trace.ts'
import { imageHead, textHeadFromIds, type ImageHead, type TextHead } from './dual-encoder.ts'
import { frozenShapes, parameterShapes, type DualEncoderShape } from './training-step.ts'

/** A model's arrays by name: trained parameters, constants and `words`, the table of word embeddings. */
export type Weights = Readonly<Record<string, Float32Array>>

const imageProgram: Program = (inputs) => {
  const { features, ...head } = inputs as unknown as ImageHead & { readonly features: np.Array }
  return { image_embeds: imageHead(head, features) }
}

/** Unknown words weigh nothing: a text is the mean of the words that the model knows. */
const textProgram: Program = (inputs) => {
  const { input_ids, attention_mask, words, ...head } = inputs as unknown as TextHead &
    Readonly<Record<'input_ids' | 'attention_mask' | 'words', np.Array>>
  const known = np
    .notEqual(input_ids.ref, np.array(UNKNOWN_ID, { dtype: input_ids.dtype }))
    .astype(attention_mask.dtype)
  return { text_embeds: textHeadFromIds(head, words, input_ids, attention_mask.mul(known)) }
}

/** Arguments that are baked into the file: every one of `names`, from the weights. */
const weightArguments = (weights: Weights, names: readonly string[]): Record<string, Argument> =>
  Object.fromEntries(names.map((name) => [name, { weight: name, data: weights[name] ?? new Float32Array(0) }]))

const pick = (shapes: Readonly<Record<string, readonly number[]>>, names: readonly string[]): Signature =>
  Object.fromEntries(names.map((name) => [name, { shape: shapes[name] ?? [] }]))

const IMAGE_WEIGHTS = ['feature_mean', 'feature_scale', 'image_projection_weight', 'image_projection_bias']
const TEXT_WEIGHTS = ['text_projection_weight', 'text_projection_bias']

/** `image_head.onnx`: `features` [batch, features] to unit `image_embeds` [batch, embedding]. */
export const imageHeadFile = (shape: DualEncoderShape, weights: Weights): Uint8Array =>
  lowerForAnyBatch(
    'image_head',
    imageProgram,
    (batch) => ({
      ...pick({ ...parameterShapes(shape), ...frozenShapes(shape) }, IMAGE_WEIGHTS),
      features: { shape: [batch, shape.featureWidth] },
    }),
    weightArguments(weights, IMAGE_WEIGHTS),
  )

/** `text_model.onnx`: int64 `input_ids` and `attention_mask` [batch, maxLength] to unit `text_embeds` [batch, embedding]. */
export function textModelFile(shape: DualEncoderShape, weights: Weights): Uint8Array {
  const vocabulary = (weights['words']?.length ?? 0) / shape.wordWidth
  return lowerForAnyBatch(
    'text_model',
    textProgram,
    (batch) => ({
      ...pick(parameterShapes(shape), TEXT_WEIGHTS),
      words: { shape: [vocabulary, shape.wordWidth] },
      input_ids: { shape: [batch, shape.maxLength], type: 'int32' },
      attention_mask: { shape: [batch, shape.maxLength] },
    }),
    {
      ...weightArguments(weights, [...TEXT_WEIGHTS, 'words']),
      input_ids: { input: 'input_ids', type: 'int64' },
      attention_mask: { input: 'attention_mask', type: 'int64' },
    },
  )
}
