import { describe, expect, it } from 'vitest'
import { bestEpoch, hasStopped, type JudgedEpoch } from '../../src/training/history.ts'

const historyOf = (...scores: number[]): JudgedEpoch[] =>
  scores.map((score, i) => ({ epoch: i + 1, loss: 1, developmentRecall: score, score }))

describe('history', () => {
  it('knows the best epoch, the earliest of equals', () => {
    expect(bestEpoch<JudgedEpoch>([])).toBeUndefined()
    expect(bestEpoch(historyOf(0.1, 0.3, 0.2, 0.3))?.epoch).toBe(2)
    expect(bestEpoch(historyOf(-3, -2))?.epoch).toBe(2)
  })

  it('stops when `patience` epochs brought nothing better, not before', () => {
    expect(hasStopped([], 0)).toBe(false)
    expect(hasStopped(historyOf(0.1, 0.3, 0.2), 2)).toBe(false)
    expect(hasStopped(historyOf(0.1, 0.3, 0.2, 0.3), 2)).toBe(true)
    expect(hasStopped(historyOf(0.1, 0.2, 0.3), 1)).toBe(false)
  })
})
