/** What a watch has seen of a release since it took over. */
export type Observations = {
  /** Text-to-image Recall@10 of the golden queries through the index; null without golden queries. */
  readonly goldenRecall: number | null
  readonly searches: number
  readonly emptyAnswers: number
  readonly failures: number
  /** 95th percentile of the searches' latency in milliseconds; null without searches. */
  readonly latency: number | null
}

export type WatchLimits = {
  /** How far golden recall may fall below what it was at the promotion. */
  readonly recallDrop: number
  readonly emptyShare: number
  readonly failureShare: number
  /** How many times as slow as the release before, plus 20 ms. */
  readonly latencyFactor: number
  /** Shares are not judged on fewer searches. */
  readonly minimumSearches: number
}

export const defaultWatchLimits: WatchLimits = {
  recallDrop: 0.05,
  emptyShare: 0.2,
  failureShare: 0.02,
  latencyFactor: 3,
  minimumSearches: 50,
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** Why the release must be taken back, in one sentence, or null while it is as good as it was. */
export function breachOf(before: Observations, now: Observations, limits: WatchLimits): string | null {
  if (
    before.goldenRecall !== null &&
    now.goldenRecall !== null &&
    now.goldenRecall < before.goldenRecall - limits.recallDrop
  ) {
    return `Golden-query recall fell from ${percent(before.goldenRecall)} to ${percent(now.goldenRecall)}.`
  }
  if (now.searches < limits.minimumSearches) return null
  const empty = now.emptyAnswers / now.searches
  const emptyBefore = before.searches === 0 ? 0 : before.emptyAnswers / before.searches
  if (empty > emptyBefore + limits.emptyShare)
    return `${percent(empty)} of the searches found nothing, ${percent(emptyBefore)} before.`
  const failed = now.failures / now.searches
  if (failed > limits.failureShare) return `${percent(failed)} of the searches failed.`
  if (before.latency !== null && now.latency !== null && now.latency > before.latency * limits.latencyFactor + 20) {
    return `Searches take ${now.latency.toFixed(0)} ms (95th percentile), ${before.latency.toFixed(0)} ms before.`
  }
  return null
}
