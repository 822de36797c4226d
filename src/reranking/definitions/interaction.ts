import { numpy as np } from '@jax-js/jax'
import { quickGelu, sigmoid, withSlope } from '../../training/definitions/activations.ts'
import { linear, unitLength } from '../../training/definitions/layers.ts'
import { KERNEL_CENTRES, KERNEL_WIDTHS } from './interaction-shape.ts'

/** The trained arrays by name, as `interactionShapes` has them. */
export type InteractionWeights = {
  readonly token_down_weight: np.Array
  readonly token_up_weight: np.Array
  readonly salience_weight: np.Array
  readonly salience_bias: np.Array
  readonly sentence_weight: np.Array
  readonly hidden_weight: np.Array
  readonly hidden_bias: np.Array
  readonly direct_weight: np.Array
  readonly output_weight: np.Array
  readonly output_bias: np.Array
}

/** A text of each pair: states [batch, tokens, width] with their mask [batch, tokens]. */
type Text = { readonly states: np.Array; readonly mask: np.Array }

/** Cosines of whole sentences lie close together. */
const COSINE_SCALE = 10

/** The cosine of rows [batch, width], as [batch, 1]. */
const cosine = (a: np.Array, b: np.Array): np.Array => unitLength(a).mul(unitLength(b)).sum(1, { keepdims: true })

/** The sum of states weighted by [batch, tokens]. */
function pooled(states: np.Array, importance: np.Array): np.Array {
  const [batch = 0, tokens = 0, width = 0] = states.shape
  return np.matmul(importance.reshape([batch, 1, tokens]), states).reshape([batch, width])
}

/** How much each token counts, [batch, tokens], summing to 1 over a text. */
function salience(weights: InteractionWeights, { states, mask }: Text): np.Array {
  const [batch = 0, tokens = 0] = mask.shape
  const open = sigmoid(linear(states, weights.salience_weight.ref, weights.salience_bias.ref))
  const counted = open.reshape([batch, tokens]).mul(mask)
  return counted.ref.div(counted.sum(1, { keepdims: true }).add(1e-6))
}

/** How near the tokens of two texts are to each other, around each kernel's centre: [batch, kernels, query tokens, document tokens]. */
function kernels(similarities: np.Array, queryMask: np.Array, documentMask: np.Array): np.Array {
  const [batch = 0, queryTokens = 0, documentTokens = 0] = similarities.shape
  const centres = np.array([...KERNEL_CENTRES]).reshape([1, KERNEL_CENTRES.length, 1, 1])
  const precisions = np.array(KERNEL_WIDTHS.map((width) => -0.5 / width ** 2)).reshape([1, KERNEL_CENTRES.length, 1, 1])
  const away = similarities.reshape([batch, 1, queryTokens, documentTokens]).sub(centres)
  const present = queryMask.reshape([batch, 1, queryTokens, 1]).mul(documentMask.reshape([batch, 1, 1, documentTokens]))
  return np.exp(np.square(away).mul(precisions)).mul(present)
}

/** The soft count of matches a token, [batch, kernels, tokens], to one number a kernel: the mean of its logarithm over the text. */
function overTokens(counts: np.Array, importance: np.Array): np.Array {
  const [batch = 0, tokens = 0] = importance.shape
  return np
    .log(counts.add(1))
    .mul(importance.reshape([batch, 1, tokens]))
    .sum(2)
}

/**
 * One logit a pair, [batch]: kernel pooling over the similarities of all tokens ("End-to-End Neural Ad-hoc Ranking with Kernel Pooling",
 * 2017), from the query's side and from the document's, beside the cosine of the pooled sentences as they are and as projected. The
 * logarithm is of one more than a count, so that what is not there at all weighs nothing.
 */
export function interactionLogits(weights: InteractionWeights, query: Text, document: Text): np.Array {
  const [batch = 0] = query.mask.shape
  const project = ({ states }: Text): np.Array => {
    const correction = np.matmul(np.matmul(states.ref, weights.token_down_weight.ref), weights.token_up_weight.ref)
    return unitLength(states.ref.add(correction))
  }
  const similarities = np.matmul(project(query), np.transpose(project(document), [0, 2, 1]))
  const matches = kernels(similarities, query.mask.ref, document.mask.ref)
  const importance = (text: Text): np.Array => salience(weights, { states: text.states.ref, mask: text.mask.ref })
  const [queryImportance, documentImportance] = [importance(query), importance(document)]
  const plain = cosine(pooled(query.states.ref, query.mask), pooled(document.states.ref, document.mask))
  const sentence = (states: np.Array, weight: np.Array): np.Array => {
    const sum = pooled(states, weight)
    return sum.ref.add(np.matmul(sum, weights.sentence_weight.ref)) // so that decay leads back to the encoder's own sentence
  }
  const learned = cosine(sentence(query.states, queryImportance.ref), sentence(document.states, documentImportance.ref))
  const features = np.concatenate(
    [
      overTokens(matches.ref.sum(3), queryImportance),
      overTokens(matches.sum(2), documentImportance),
      plain.mul(COSINE_SCALE),
      learned.mul(COSINE_SCALE),
    ],
    1,
  )
  weights.token_down_weight.dispose()
  weights.token_up_weight.dispose()
  weights.salience_weight.dispose()
  weights.salience_bias.dispose()
  weights.sentence_weight.dispose()
  const hidden = quickGelu(linear(features.ref, weights.hidden_weight, weights.hidden_bias))
  const direct = np.matmul(features, weights.direct_weight)
  return linear(hidden, weights.output_weight, weights.output_bias).add(direct).reshape([batch])
}

/**
 * The mean binary cross-entropy of logits against targets of 0 or 1, [batch] each. Value and derivative are written out: the usual forms
 * take the exponential of a large logit, or its derivative does.
 */
export function binaryCrossEntropy(logits: np.Array, targets: np.Array): np.Array {
  const distance = np.maximum(logits.ref, np.negative(logits.ref))
  const rest = np.log(np.exp(np.negative(distance)).add(1))
  const above = np.maximum(logits.ref, np.array(0))
  const value = above.sub(logits.ref.mul(targets.ref)).add(rest)
  const slope = sigmoid(logits.ref).sub(targets)
  return withSlope(logits, value, slope).mean()
}
