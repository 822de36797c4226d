import { grad, valueAndGrad, type numpy as np } from '@jax-js/jax'
import type { Program, Signature } from '../lowering/trace.ts'
import { contrastiveLoss, imageTower, textTower, type Arrays } from './dual-encoder.ts'
import {
  batchShapes,
  frozenShapes,
  parameterShapes,
  trainedInput,
  type DualEncoderShape,
  type Shapes,
} from './shape.ts'

const signatureOf = (shapes: Shapes): Signature =>
  Object.fromEntries(Object.entries(shapes).map(([name, sizes]) => [name, { shape: sizes }]))

/** The arguments of the training step: parameters, batch, constants. */
export const stepSignature = (shape: DualEncoderShape, batch: number): Signature =>
  signatureOf({ ...parameterShapes(shape), ...batchShapes(shape, batch), ...frozenShapes(shape) })

const gradientPrefix = 'gradient_'
/** The output that holds the gradient with respect to an input. */
export const gradientOf = (name: string): string => gradientPrefix + name

type Named = Record<string, np.Array>
type Embeddings = { readonly images: np.Array; readonly texts: np.Array }

const named = (gradients: Named): Named =>
  Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [gradientOf(name), gradient]))

/** What is trained of the inputs, and what is given. */
function partition(inputs: Arrays, trained: ReadonlySet<string>): { readonly trained: Named; readonly given: Named } {
  const part = (isTrained: boolean) =>
    Object.fromEntries(Object.entries(inputs).filter(([name]) => trained.has(name) === isTrained))
  return { trained: part(true), given: part(false) }
}

/** What the towers train: their parameters, and the words through what is embedded of them. */
const trainedByTowers = (shape: DualEncoderShape): ReadonlySet<string> =>
  new Set([...Object.keys(parameterShapes(shape)).filter((name) => name !== 'logit_scale'), trainedInput(shape) ?? ''])

const embed = (shape: DualEncoderShape, arrays: Arrays): Embeddings => ({
  images: imageTower(shape, arrays, arrays['features'] as np.Array, arrays['feature_dropout']),
  texts: textTower(shape, arrays, arrays),
})

/** The loss of a batch, and its gradient with respect to every parameter and to its embedded words. */
export function trainingStep(shape: DualEncoderShape, hardness = 0): Program {
  const names = new Set([...trainedByTowers(shape), 'logit_scale'])
  return (inputs) => {
    const { trained, given } = partition(inputs, names)
    const loss = (parameters: Named): np.Array => {
      const { matches, logit_scale, ...arrays } = { ...parameters, ...given } as Arrays & Record<string, np.Array>
      const { images, texts } = embed(shape, arrays)
      return contrastiveLoss(images, texts, logit_scale as np.Array, matches as np.Array, hardness)
    }
    const [value, gradients] = valueAndGrad(loss)(trained)
    return { loss: value, ...named(gradients) }
  }
}

/**
 * The same step in three programs, so that a large batch goes through the towers chunk by chunk ("Scaling Deep Contrastive Learning Batch
 * Size under Memory Limited Setup", 2021): all chunks are embedded, the loss of the whole batch gives the gradient with respect to its
 * embeddings, and each chunk is taken through the towers again to where that comes from.
 */
export const stepInChunks = (shape: DualEncoderShape, batch: number, chunk: number, hardness = 0) => {
  const all = { ...parameterShapes(shape), ...batchShapes(shape, chunk), ...frozenShapes(shape) }
  const embedded = Object.fromEntries(
    Object.entries(all).filter(([name]) => !['logit_scale', 'matches'].includes(name)),
  )
  const embeddings = (rows: number): Shapes => ({
    images: [rows, shape.embeddingWidth],
    texts: [rows, shape.embeddingWidth],
  })
  return {
    embed: { program: ((inputs) => embed(shape, inputs)) satisfies Program, signature: signatureOf(embedded) },
    loss: {
      program: (({ matches: pairs, ...trained }) => {
        const loss = ({ images, texts, logit_scale: scale }: Named): np.Array =>
          contrastiveLoss(images as np.Array, texts as np.Array, scale as np.Array, pairs as np.Array, hardness)
        const [value, gradients] = valueAndGrad(loss)(trained)
        return { loss: value, ...named(gradients) }
      }) satisfies Program,
      signature: signatureOf({ ...embeddings(batch), logit_scale: [], matches: [batch, batch] }),
    },
    /** `images` and `texts` are the gradients with respect to the chunk's embeddings. */
    backward: {
      program: ((inputs) => {
        const { trained, given } = partition(inputs, trainedByTowers(shape))
        const along = (parameters: Named): np.Array => {
          const { images: toImages, texts: toTexts, ...arrays } = { ...parameters, ...given } as Arrays & Named
          const { images, texts } = embed(shape, arrays)
          return images
            .mul(toImages as np.Array)
            .sum()
            .add(texts.mul(toTexts as np.Array).sum())
        }
        return named(grad(along)(trained))
      }) satisfies Program,
      signature: signatureOf({ ...embedded, ...embeddings(chunk) }),
    },
  }
}
