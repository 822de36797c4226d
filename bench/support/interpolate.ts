import type { Random } from '../../src/core/random.ts'
import { normalise } from '../../src/core/vector.ts'

/** Length of the noise beside the unit vectors that it is added to. */
const NOISE = 0.1

/** A value of the standard normal distribution (Box and Muller, 1958). */
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())

/**
 * As many unit vectors as are asked for: the real ones, and after them points between two real ones drawn at random, at a random
 * place on the way from one to the other, with normal noise of expected length 0.1, at unit length. The same for a seed.
 */
export function extendVectors(real: readonly Float32Array[], count: number, random: Random): Float32Array[] {
  const vectors = real.slice(0, count)
  while (vectors.length < count) {
    const a = real[random.below(real.length)] ?? new Float32Array()
    const b = real[random.below(real.length)] ?? new Float32Array()
    const share = random.float()
    const deviation = NOISE / Math.sqrt(a.length)
    vectors.push(normalise(a.map((value, i) => value * (1 - share) + (b[i] ?? 0) * share + normal(random) * deviation)))
  }
  return vectors
}
