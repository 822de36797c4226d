import { createRandom } from '../../core/random.ts'

/** What chance decides about a scene; depends on its seed alone. */
export type Dice = {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  chance(share: number): boolean
  pick<const T>(choices: readonly [T, ...T[]]): T
}

/** Dice for the scene with this number: every scene has a stream of its own, so that scenes can be made in any order. */
export function createDice(seed: number, scene: number): Dice {
  const random = createRandom((Math.imul(seed, 0x9e3779b1) + scene) >>> 0)
  return {
    next: () => random.float(),
    between: (low, high) => low + (high - low) * random.float(),
    chance: (share) => random.float() < share,
    pick: (choices) => choices[Math.floor(random.float() * choices.length)] ?? choices[0],
  }
}
