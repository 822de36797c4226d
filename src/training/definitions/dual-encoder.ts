import { lax, nn, numpy as np } from '@jax-js/jax'
import { quickGelu } from './activations.ts'
import { adapted } from './adapters.ts'
import { linear, unitLength } from './layers.ts'
import { recurrent, type RecurrentWeights } from './recurrent.ts'
import { imageShapes, textShapes, type DualEncoderShape, type Shapes, type WordTower } from './shape.ts'
import { transformerBlock, type BlockWeights } from './transformer.ts'

/** The logarithm of the largest factor that similarities are multiplied by: 100, as in CLIP (2021), section 2.5. */
export const MAXIMUM_LOGIT_SCALE = Math.log(100)
/** Its start, temperature 0.07, from the same place. */
export const INITIAL_LOGIT_SCALE = Math.log(1 / 0.07)

/** Arrays by name. What a function here is given it consumes; arrays that it has no name for stay as they are. */
export type Arrays = Readonly<Record<string, np.Array>>

function of(arrays: Arrays, name: string): np.Array {
  const array = arrays[name]
  if (array === undefined) throw new TypeError(`there is no array ${name}`)
  return array
}

/** The arrays whose names begin with `prefix` and an underscore, without these. */
const under = (arrays: Arrays, prefix: string): Arrays =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, array]) =>
      name.startsWith(`${prefix}_`) ? [[name.slice(prefix.length + 1), array]] : [],
    ),
  )

const project = (arrays: Arrays, tower: string, rows: np.Array): np.Array =>
  linear(rows, of(arrays, `${tower}_projection_weight`), of(arrays, `${tower}_projection_bias`))

const pick = (arrays: Arrays, shapes: Shapes): Arrays =>
  Object.fromEntries(Object.keys(shapes).map((name) => [name, of(arrays, name)]))

const kept = (rows: np.Array, dropout: np.Array | undefined): np.Array =>
  dropout === undefined ? rows : rows.mul(dropout)

/** Frozen features [batch, features] to unit embeddings [batch, embedding]; `dropout`, of the features' shape, multiplies them. */
export function imageTower(shape: DualEncoderShape, arrays: Arrays, features: np.Array, dropout?: np.Array): np.Array {
  if (shape.adapterWidth !== undefined) return adapted('image', arrays, features, dropout)
  const standard = features.sub(of(arrays, 'feature_mean')).mul(of(arrays, 'feature_scale'))
  const weights = pick(arrays, imageShapes(shape))
  const input = kept(standard, dropout)
  const projected = project(weights, 'image', input.ref)
  if (shape.imageHidden === null) {
    input.dispose()
    return unitLength(projected)
  }
  const hidden = quickGelu(project(weights, 'image_in', input))
  return unitLength(projected.add(project(weights, 'image_out', hidden)))
}

/** The mean of rows [words, batch, width] over the words, with the mask [words, batch, 1]; zeros where a text has no word. */
function meanOverWords(rows: np.Array, mask: np.Array): np.Array {
  const counts = mask.ref.sum(0).add(1e-6)
  return rows.mul(mask).sum(0).div(counts)
}

/** Embedded words, as `wordInputShapes` has them, to one row a text. */
function readWords(words: WordTower, arrays: Arrays, inputs: Arrays): np.Array {
  if (words.kind === 'bag') return of(inputs, 'bags')
  const rows = of(inputs, 'word_rows')
  const mask = of(inputs, 'word_mask')
  const [length = 0, batch = 0, width = 0] = rows.shape
  if (words.kind !== 'transformer') {
    const weights = under(arrays, words.kind) as unknown as RecurrentWeights
    const outputs = recurrent(words.kind, weights, rows, mask.ref)
    return meanOverWords(np.stack(outputs, 0), mask)
  }
  const present = np.transpose(mask.ref.reshape([length, batch]))
  let hidden = np.transpose(rows.add(of(arrays, 'places').reshape([length, 1, width])), [1, 0, 2])
  for (let block = 0; block < words.layers; block++) {
    const weights = under(arrays, `block_${block}`) as unknown as BlockWeights
    hidden = transformerBlock(weights, words.heads, hidden, present.ref)
  }
  present.dispose()
  return meanOverWords(np.transpose(hidden, [1, 0, 2]), mask)
}

/** Texts, as `textInputShapes` has them, to unit embeddings [batch, embedding]; `sentence_dropout` multiplies sentences where it is given. */
export function textTower(shape: DualEncoderShape, arrays: Arrays, inputs: Arrays): np.Array {
  if (shape.adapterWidth !== undefined)
    return adapted('text', arrays, of(inputs, 'sentences'), inputs['sentence_dropout'])
  const weights = pick(arrays, textShapes(shape))
  const { words, sentenceWidth } = shape
  const parts = [
    ...(words === null ? [] : [project(weights, 'words', readWords(words, weights, inputs))]),
    ...(sentenceWidth === null
      ? []
      : [project(weights, 'sentence', kept(of(inputs, 'sentences'), inputs['sentence_dropout']))]),
  ]
  return unitLength(parts.reduce((sum, part) => sum.add(part)))
}

/**
 * Symmetric InfoNCE ("Learning Transferable Visual Models From Natural Language Supervision", 2021, figure 3) over unit
 * embeddings [batch, embedding]. `matches` [batch, batch] is 1 where an image and a caption belong together: the diagonal, and
 * wherever else a caption is also right; each row's and column's target is spread evenly over its matches.
 */
export function contrastiveLoss(
  images: np.Array,
  texts: np.Array,
  logitScale: np.Array,
  matches: np.Array,
  hardness = 0,
): np.Array {
  const [batch = 1] = images.shape
  const scale = np.exp(np.minimum(logitScale, np.array(MAXIMUM_LOGIT_SCALE)))
  const logits = np.matmul(images, np.transpose(texts)).mul(scale)
  const perImage = matches.ref.div(matches.ref.sum(1, { keepdims: true }))
  const perText = matches.ref.div(matches.ref.sum(0, { keepdims: true }))
  const byImage = hardness === 0 ? logits.ref : weighed(logits.ref, matches.ref, hardness, 1)
  const byText = hardness === 0 ? logits : weighed(logits, matches.ref, hardness, 0)
  const imageToText = nn.logSoftmax(byImage, 1).mul(perImage).sum()
  const textToImage = nn.logSoftmax(byText, 0).mul(perText).sum()
  matches.dispose()
  return imageToText.add(textToImage).mul(-0.5 / batch)
}

/** Logits, those of negatives plus the logarithm of their weight, whose mean over the negatives of a row or column is 1. */
function weighed(logits: np.Array, matches: np.Array, hardness: number, axis: number): np.Array {
  const negative = np.array(1).sub(matches)
  const raised = lax.stopGradient(logits.ref).mul(hardness)
  const shifted = raised.ref.sub(np.max(raised, axis, { keepdims: true }))
  const weights = np.exp(shifted.ref).mul(negative.ref)
  const mean = weights
    .sum(axis, { keepdims: true })
    .div(negative.ref.sum(axis, { keepdims: true }))
    .add(1e-30)
  return logits.add(shifted.sub(np.log(mean)).mul(negative))
}
