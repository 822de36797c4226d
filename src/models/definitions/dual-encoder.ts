import { nn, numpy as np } from '@jax-js/jax'
import { linear, unitLength, weightedMean } from './layers.ts'

/** The logarithm of the largest factor that similarities are multiplied by: 100, as in CLIP (2021), section 2.5. */
export const MAXIMUM_LOGIT_SCALE = Math.log(100)
/** Its start, temperature 0.07, from the same place. */
export const INITIAL_LOGIT_SCALE = Math.log(1 / 0.07)

export type ImageHead = {
  /** What features are centred by and multiplied with, [features]: constants that bring any backbone to one scale. */
  readonly feature_mean: np.Array
  readonly feature_scale: np.Array
  readonly image_projection_weight: np.Array
  readonly image_projection_bias: np.Array
}

/** Frozen features [batch, features] to unit embeddings [batch, embedding]; `dropout`, of the features' shape, multiplies them. */
export function imageHead(head: ImageHead, features: np.Array, dropout?: np.Array): np.Array {
  const standard = features.sub(head.feature_mean).mul(head.feature_scale)
  const kept = dropout === undefined ? standard : standard.mul(dropout)
  return unitLength(linear(kept, head.image_projection_weight, head.image_projection_bias))
}

export type TextHead = {
  readonly text_projection_weight: np.Array
  readonly text_projection_bias: np.Array
}

/** Bags of words, each the mean of its words' embeddings, [batch, width], to unit embeddings. */
export const textHead = (head: TextHead, bags: np.Array): np.Array =>
  unitLength(linear(bags, head.text_projection_weight, head.text_projection_bias))

/** The same from ids [batch, words], their weights (0: padding) and the table of all words [vocabulary, width]. */
export const textHeadFromIds = (head: TextHead, table: np.Array, ids: np.Array, weights: np.Array): np.Array =>
  textHead(head, weightedMean(np.take(table, ids, 0), weights))

/**
 * Symmetric InfoNCE ("Learning Transferable Visual Models From Natural Language Supervision", 2021, figure 3) over unit
 * embeddings [batch, embedding]. `matches` [batch, batch] is 1 where an image and a caption belong together: the diagonal, and
 * wherever else a caption is also right; each row's and column's target is spread evenly over its matches.
 */
export function contrastiveLoss(images: np.Array, texts: np.Array, logitScale: np.Array, matches: np.Array): np.Array {
  const [batch = 1] = images.shape
  const scale = np.exp(np.minimum(logitScale, np.array(MAXIMUM_LOGIT_SCALE)))
  const logits = np.matmul(images, np.transpose(texts)).mul(scale)
  const perImage = matches.ref.div(matches.ref.sum(1, { keepdims: true }))
  const perText = matches.ref.div(matches.sum(0, { keepdims: true }))
  const imageToText = nn.logSoftmax(logits.ref, 1).mul(perImage).sum()
  const textToImage = nn.logSoftmax(logits, 0).mul(perText).sum()
  return imageToText.add(textToImage).mul(-0.5 / batch)
}
