import { INITIAL_LOGIT_SCALE } from '../models/definitions/dual-encoder.ts'
import { parameterShapes, type DualEncoderShape } from '../models/definitions/training-step.ts'
import { product } from '../models/onnx/view.ts'
import { normal, randomStream } from './random.ts'

/** Normal values whose deviation is one over the root of the width that is summed over; words a little smaller. */
export function initialWeights(
  shape: DualEncoderShape,
  vocabularySize: number,
  seed: number,
): Record<string, Float32Array> {
  const random = randomStream(seed)
  const drawn = (length: number, deviation: number) => Float32Array.from({ length }, () => normal(random) * deviation)
  const weights: Record<string, Float32Array> = {
    words: drawn(vocabularySize * shape.wordWidth, 1 / Math.sqrt(shape.wordWidth)),
  }
  for (const [name, sizes] of Object.entries(parameterShapes(shape))) {
    const [inputs = 1] = sizes
    weights[name] = sizes.length === 2 ? drawn(product(sizes), 1 / Math.sqrt(inputs)) : new Float32Array(product(sizes))
  }
  weights['logit_scale'] = Float32Array.of(INITIAL_LOGIT_SCALE)
  return weights
}
