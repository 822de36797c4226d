/** What a watch has seen of a release since it took over. */
export type Observations = {
  /** Text-to-image Recall@10 of the golden queries through the index; null without golden queries. */
  readonly goldenRecall: number | null
  readonly searches: number
  /** The searches that a filter or their words alone could not leave empty, and those of them that found nothing. */
  readonly telling: number
  readonly emptyAnswers: number
  /**
   * Share of the telling searches whose best hit scores below what nearly all golden queries reach under the same model: where two
   * models' scores lie differently, these shares still compare. Null where too few were seen.
   */
  readonly weakShare: number | null
  readonly failures: number
  /** 95th percentile of the searches' latency in milliseconds; null without searches. */
  readonly latency: number | null
}

export type WatchLimits = {
  /** How far golden recall may fall below what it was at the promotion. */
  readonly recallDrop: number
  readonly emptyShare: number
  /** How far the share of weak best hits may rise. */
  readonly weakShare: number
  readonly failureShare: number
  /** How many times as slow as the release before, plus 20 ms. */
  readonly latencyFactor: number
  /** Shares are not judged on fewer searches. */
  readonly minimumSearches: number
}

export const nothingSeen: Observations = {
  goldenRecall: null,
  searches: 0,
  telling: 0,
  emptyAnswers: 0,
  weakShare: null,
  failures: 0,
  latency: null,
}

export const defaultWatchLimits: WatchLimits = {
  recallDrop: 0.05,
  emptyShare: 0.2,
  weakShare: 0.2,
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
  return answersBreach(before, now, limits) ?? serviceBreach(before, now, limits)
}

function answersBreach(before: Observations, now: Observations, limits: WatchLimits): string | null {
  if (now.telling < limits.minimumSearches) return null
  const empty = now.emptyAnswers / now.telling
  const emptyBefore = before.telling === 0 ? 0 : before.emptyAnswers / before.telling
  if (empty > emptyBefore + limits.emptyShare)
    return `${percent(empty)} of the searches found nothing, ${percent(emptyBefore)} before.`
  if (before.weakShare !== null && now.weakShare !== null && now.weakShare > before.weakShare + limits.weakShare)
    return `${percent(now.weakShare)} of the searches found only weak matches, ${percent(before.weakShare)} before.`
  return null
}

function serviceBreach(before: Observations, now: Observations, limits: WatchLimits): string | null {
  if (now.searches < limits.minimumSearches) return null
  const failed = now.failures / now.searches
  if (failed > limits.failureShare) return `${percent(failed)} of the searches failed.`
  if (before.latency !== null && now.latency !== null && now.latency > before.latency * limits.latencyFactor + 20) {
    return `Searches take ${now.latency.toFixed(0)} ms (95th percentile), ${before.latency.toFixed(0)} ms before.`
  }
  return null
}
