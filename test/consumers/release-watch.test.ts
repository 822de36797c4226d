import { describe, expect, it } from 'vitest'
import { breachOf, defaultWatchLimits as limits, type Observations } from '../../src/consumers/release-watch.ts'

const before: Observations = {
  goldenRecall: 0.5,
  searches: 200,
  telling: 100,
  emptyAnswers: 10,
  weakShare: 0.05,
  failures: 0,
  latency: 10,
}
const breach = (now: Partial<Observations>, then: Partial<Observations> = {}) =>
  breachOf({ ...before, ...then }, { ...before, ...now }, limits)

describe('the watch over a new champion', () => {
  it('sees nothing wrong where nothing is', () => {
    expect(breach({})).toBeNull()
    expect(breach({ goldenRecall: 0.451, emptyAnswers: 29, weakShare: 0.25, failures: 4, latency: 49 })).toBeNull()
  })

  it('names what is worse by more than the limit', () => {
    expect(breach({ goldenRecall: 0.449 })).toMatch(/^Golden-query recall fell from 50.0 % to 44.9 %/)
    expect(breach({ emptyAnswers: 31 })).toMatch(/^31.0 % of the searches found nothing, 10.0 % before/)
    expect(breach({ weakShare: 0.26 })).toMatch(/^26.0 % of the searches found only weak matches, 5.0 % before/)
    expect(breach({ failures: 6 })).toMatch(/^3.0 % of the searches failed/)
    expect(breach({ latency: 51 })).toMatch(/^Searches take 51 ms/)
  })

  it('judges no shares on few searches, and nothing that is not known', () => {
    expect(breach({ searches: 49, telling: 49, emptyAnswers: 49, failures: 49, latency: 1_000 })).toBeNull()
    expect(breach({ goldenRecall: null })).toBeNull()
    expect(breach({ weakShare: null })).toBeNull()
    expect(breach({ weakShare: 1 }, { weakShare: null })).toBeNull()
    expect(breach({ goldenRecall: 0 }, { goldenRecall: null })).toBeNull()
    expect(breach({ latency: 1_000 }, { latency: null })).toBeNull()
    expect(breach({ emptyAnswers: 21 }, { telling: 0, emptyAnswers: 0 })).toMatch(/0.0 % before/)
  })
})
