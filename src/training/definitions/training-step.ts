import { valueAndGrad, type numpy as np } from '@jax-js/jax'
import type { Program, Signature } from '../lowering/trace.ts'
import { contrastiveLoss, imageTower, textTower, type Arrays } from './dual-encoder.ts'
import { batchShapes, frozenShapes, parameterShapes, trainedInput, type DualEncoderShape } from './shape.ts'

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

/** The loss of a batch, and its gradient with respect to every parameter and to its embedded words. */
export function trainingStep(shape: DualEncoderShape): Program {
  const throughInput = trainedInput(shape)
  const names = new Set([...Object.keys(parameterShapes(shape)), ...(throughInput === null ? [] : [throughInput])])
  return (inputs) => {
    const part = (isTrained: boolean): Record<string, np.Array> =>
      Object.fromEntries(Object.entries(inputs).filter(([name]) => names.has(name) === isTrained))
    const given: Arrays = part(false)
    const loss = (trained: Record<string, np.Array>): np.Array => {
      const { features, feature_dropout, matches, logit_scale, ...arrays } = { ...trained, ...given } as Arrays &
        Readonly<Record<'features' | 'feature_dropout' | 'matches' | 'logit_scale', np.Array>>
      const images = imageTower(shape, arrays, features, feature_dropout)
      return contrastiveLoss(images, textTower(shape, arrays, arrays), logit_scale, matches)
    }
    const [value, gradients] = valueAndGrad(loss)(part(true))
    const named = Object.entries(gradients).map(([name, gradient]) => [gradientOf(name), gradient] as const)
    return { loss: value, ...Object.fromEntries<np.Array>(named) }
  }
}
