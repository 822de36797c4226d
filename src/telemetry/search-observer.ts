export type SearchObservations = {
  readonly searches: number
  readonly emptyAnswers: number
  readonly failures: number
  /** 95th percentile in milliseconds of the newest searches; null without any. */
  readonly latency: number | null
}

export type SearchObserver = {
  /** Runs a search and remembers how it went. */
  observe<T>(search: () => Promise<T>, isEmpty: (result: T) => boolean): Promise<T>
  /** What was seen since `restart`. */
  seen(): SearchObservations
  /** Starts anew, for a release that has just taken over. */
  restart(): void
}

const REMEMBERED = 1_000

/** Watches the searches of this process, for the release watch. */
export function createSearchObserver(): SearchObserver {
  let searches = 0
  let emptyAnswers = 0
  let failures = 0
  let latencies: number[] = []

  return {
    async observe(search, isEmpty) {
      const start = performance.now()
      searches++
      try {
        const result = await search()
        if (isEmpty(result)) emptyAnswers++
        return result
      } catch (error) {
        failures++
        throw error
      } finally {
        latencies[searches % REMEMBERED] = performance.now() - start
      }
    },
    seen() {
      const sorted = latencies.filter((latency) => latency >= 0).sort((a, b) => a - b)
      return { searches, emptyAnswers, failures, latency: sorted[Math.floor(sorted.length * 0.95)] ?? null }
    },
    restart() {
      searches = 0
      emptyAnswers = 0
      failures = 0
      latencies = []
    },
  }
}
