import { valueAndGrad, type numpy as np } from '@jax-js/jax'
import type { Program, Signature } from '../onnx/trace.ts'
import { contrastiveLoss, imageHead, textHead, type ImageHead, type TextHead } from './dual-encoder.ts'

export type DualEncoderShape = {
  readonly featureWidth: number
  readonly wordWidth: number
  readonly embeddingWidth: number
  /** Words a caption is cut at. */
  readonly maxLength: number
}

/** The trained arrays but for the table of words, which stays outside the graph. */
export const parameterShapes = (shape: DualEncoderShape): Readonly<Record<string, readonly number[]>> => ({
  image_projection_bias: [shape.embeddingWidth],
  image_projection_weight: [shape.featureWidth, shape.embeddingWidth],
  logit_scale: [],
  text_projection_bias: [shape.embeddingWidth],
  text_projection_weight: [shape.wordWidth, shape.embeddingWidth],
})

/** What changes from step to step: the batch. The means of its captions' words are trained through, too. */
export const batchShapes = (shape: DualEncoderShape, batch: number): Readonly<Record<string, readonly number[]>> => ({
  bags: [batch, shape.wordWidth],
  features: [batch, shape.featureWidth],
  feature_dropout: [batch, shape.featureWidth],
  matches: [batch, batch],
})

/** Constants of the image head. */
export const frozenShapes = (shape: DualEncoderShape): Readonly<Record<string, readonly number[]>> => ({
  feature_mean: [shape.featureWidth],
  feature_scale: [shape.featureWidth],
})

/** The arguments of the training step: parameters, batch, constants. */
export const stepSignature = (shape: DualEncoderShape, batch: number): Signature =>
  Object.fromEntries(
    Object.entries({ ...parameterShapes(shape), ...batchShapes(shape, batch), ...frozenShapes(shape) }).map(
      ([name, sizes]) => [name, { shape: sizes }],
    ),
  )

const gradientPrefix = 'gradient_'
/** The output that holds the gradient with respect to an input. */
export const gradientOf = (name: string): string => gradientPrefix + name

type Trained = Omit<ImageHead, 'feature_mean' | 'feature_scale'> &
  TextHead & { readonly bags: np.Array; readonly logit_scale: np.Array }
type StepInputs = Trained &
  Pick<ImageHead, 'feature_mean' | 'feature_scale'> & {
    readonly features: np.Array
    readonly feature_dropout: np.Array
    readonly matches: np.Array
  }

/** The loss of a batch, and its gradient with respect to every parameter and to its bags of words. */
export const trainingStep: Program = (inputs) => {
  const { feature_mean, feature_scale, features, feature_dropout, matches, ...trained } =
    inputs as unknown as StepInputs
  const loss = (parameters: typeof trained) => {
    const images = imageHead({ ...parameters, feature_mean, feature_scale }, features, feature_dropout)
    const texts = textHead(parameters, parameters.bags)
    return contrastiveLoss(images, texts, parameters.logit_scale, matches)
  }
  const [value, gradients] = valueAndGrad(loss)(trained)
  const named = Object.entries(gradients).map(([name, gradient]) => [gradientOf(name), gradient] as const)
  return { loss: value, ...Object.fromEntries<np.Array>(named) }
}
