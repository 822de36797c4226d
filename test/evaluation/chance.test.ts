import { describe, expect, it } from 'vitest'
import { reciprocalRankByChance } from '../../src/evaluation/chance.ts'

/** All ways in which `relevant` of `documents` can be placed, each as the rank of its first. */
function firstRanks(documents: number, relevant: number): number[] {
  const ranks: number[] = []
  for (let places = 0; places < 2 ** documents; places++) {
    const chosen = Array.from({ length: documents }, (_, i) => i).filter((i) => (places >> i) & 1)
    if (chosen.length === relevant) ranks.push((chosen[0] ?? 0) + 1)
  }
  return ranks
}

describe('what guessing gives', () => {
  it.each([
    [1, 1],
    [7, 1],
    [8, 3],
    [6, 6],
  ])('is the mean and variance over all orders of %i documents, %i of them relevant', (documents, relevant) => {
    const values = firstRanks(documents, relevant).map((rank) => 1 / rank)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    const chance = reciprocalRankByChance(documents, relevant)
    expect(chance.mean).toBeCloseTo(mean, 12)
    expect(chance.variance).toBeCloseTo(variance, 12)
  })
})
