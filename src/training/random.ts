import { createRandom, type Random } from '../core/random.ts'

/**
 * A stream of its own for every use (`seed, epoch, step`), so that a training that was killed goes on at any step without
 * having kept a generator's state. The parts are folded together as FNV-1a folds bytes.
 */
export function randomStream(...parts: readonly number[]): Random {
  let hash = 0x811c9dc5
  for (const part of parts) hash = Math.imul(hash ^ part, 0x01000193)
  return createRandom(hash >>> 0)
}

/** Standard normal, by Box and Muller ("A Note on the Generation of Random Normal Deviates", 1958). */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())

/** Shuffles in place (Fisher and Yates); at most 2^21 values, the bound of `below`. */
export function shuffle(values: Uint32Array, random: Random): Uint32Array {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const kept = values[last] as number
    values[last] = values[other] as number
    values[other] = kept
  }
  return values
}
