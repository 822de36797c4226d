/** A stream of pseudo-random numbers that is the same on every machine for the same seed. Not for secrets. */
export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number
  /** A number in [0, 1) with 53 random bits. */
  float(): number
  /** An integer in [0, bound), `bound` at most 2^21: uneven by less than bound / 2^32. */
  below(bound: number): number
}

/** MurmurHash3's finaliser: spreads every bit of the input over all bits of the output. */
function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Four words of state from one seed; the golden ratio's steps keep the words of neighbouring seeds apart. */
function spread(seed: number): readonly [number, number, number, number] {
  const word = (step: number): number => mix((Math.imul(step, 0x9e3779b9) + mix(seed ^ step)) >>> 0)
  return [word(1), word(2), word(3), word(4)]
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/**
 * xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021): period 2^128 - 1. `seed`
 * is a 32-bit integer, or the four words of state themselves, of which one must not be zero.
 */
export function createRandom(seed: number | readonly [number, number, number, number]): Random {
  let [a, b, c, d] = typeof seed === 'number' ? spread(seed) : seed

  function uint32(): number {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const carried = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= carried
    d = rotate(d, 11)
    return result
  }

  return {
    uint32,
    float: () => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53,
    below: (bound) => Math.floor((uint32() * bound) / 2 ** 32),
  }
}
