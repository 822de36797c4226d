import { valueAndGrad, type numpy as np } from '@jax-js/jax'
import type { Weights } from '../../training/definitions/serving.ts'
import { gradientOf } from '../../training/definitions/training-step.ts'
import type { Argument } from '../../training/lowering/lower.ts'
import { lowerForAnyBatch, type Program, type Signature } from '../../training/lowering/trace.ts'
import { binaryCrossEntropy, interactionLogits, type InteractionWeights } from './interaction.ts'
import { interactionShapes, pairShapes, signatureOf, type InteractionShape } from './interaction-shape.ts'

type Named = Record<string, np.Array>

function logitsOf(weights: Named, inputs: Named): np.Array {
  const { query_states, query_mask, document_states, document_mask } = inputs as Record<string, np.Array> & InputArrays
  return interactionLogits(
    weights as unknown as InteractionWeights,
    { states: query_states, mask: query_mask },
    { states: document_states, mask: document_mask },
  )
}

type InputArrays = Readonly<Record<'query_states' | 'query_mask' | 'document_states' | 'document_mask', np.Array>>

export const interactionStepSignature = (shape: InteractionShape, batch: number): Signature =>
  signatureOf({ ...interactionShapes(shape), ...pairShapes(shape, batch), targets: [batch] })

/** The loss of a batch of pairs, and its gradient with respect to every trained array. */
export function interactionStep(shape: InteractionShape): Program {
  const names = new Set(Object.keys(interactionShapes(shape)))
  return ({ targets, ...inputs }) => {
    const part = (isTrained: boolean): Named =>
      Object.fromEntries(Object.entries(inputs).filter(([name]) => names.has(name) === isTrained))
    const given = part(false)
    const loss = (weights: Named): np.Array => binaryCrossEntropy(logitsOf(weights, given), targets as np.Array)
    const [value, gradients] = valueAndGrad(loss)(part(true))
    const named = Object.entries(gradients).map(([name, gradient]) => [gradientOf(name), gradient] as const)
    return { loss: value, ...Object.fromEntries(named) }
  }
}

/** `interaction.onnx`: the states of pairs, as `pairShapes` has them, to `logits` [batch]; the weights inside. */
export function interactionFile(shape: InteractionShape, weights: Weights): Uint8Array {
  const shapes = interactionShapes(shape)
  const program: Program = ({ query_states, query_mask, document_states, document_mask, ...trained }) => ({
    logits: logitsOf(trained, { query_states, query_mask, document_states, document_mask } as Named),
  })
  const baked = Object.keys(shapes).map((name): [string, Argument] => [
    name,
    { weight: name, data: weights[name] ?? new Float32Array(0) },
  ])
  const signatureAt = (batch: number) => signatureOf({ ...shapes, ...pairShapes(shape, batch) })
  return lowerForAnyBatch('interaction', program, signatureAt, Object.fromEntries(baked))
}
