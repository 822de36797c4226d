import { isOfSecondLayer } from './definitions/adapters.ts'
import { INITIAL_LOGIT_SCALE, MAXIMUM_LOGIT_SCALE } from './definitions/dual-encoder.ts'
import { parameterShapes, type DualEncoderShape } from './definitions/shape.ts'
import { product } from './lowering/view.ts'
import { normal, randomStream } from './random.ts'

/** Rows of the identity, as far as there are columns for them. */
function startAsIdentity(matrix: Float32Array, columns: number): void {
  for (let row = 0; row < columns && row * columns < matrix.length; row++) {
    matrix.fill(0, row * columns, (row + 1) * columns)
    matrix[row * columns + row] = 1
  }
}

/** What attention to regions adds to the projection of the whole picture. */
const ATTENDED = 'regions_value_weight'

/**
 * All but the words, which `wordPlaces` puts among the images: normal values whose deviation is one over the root of the width
 * that is summed over. The text projection leaves a text where its words are, attention to regions adds nothing yet, and adapters leave a CLIP as it is, its temperature included:
 * published ones have reached the largest factor, and their ONNX files do not say another.
 */
export function initialWeights(shape: DualEncoderShape, seed: number): Record<string, Float32Array> {
  const random = randomStream(seed)
  const drawn = (length: number, deviation: number) => Float32Array.from({ length }, () => normal(random) * deviation)
  const weights: Record<string, Float32Array> = {}
  for (const [name, sizes] of Object.entries(parameterShapes(shape))) {
    const inputs = sizes.at(-2) ?? 1
    const isDrawn = sizes.length >= 2 && !isOfSecondLayer(name) && name !== ATTENDED
    weights[name] = isDrawn ? drawn(product(sizes), 1 / Math.sqrt(inputs)) : new Float32Array(product(sizes))
  }
  if (shape.words?.kind === 'bag')
    startAsIdentity(weights['words_projection_weight'] ?? new Float32Array(0), shape.embeddingWidth)
  weights['logit_scale'] = Float32Array.of(shape.adapterWidth === undefined ? INITIAL_LOGIT_SCALE : MAXIMUM_LOGIT_SCALE)
  return weights
}
