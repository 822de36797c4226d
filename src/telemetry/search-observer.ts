import { toAppError } from '../core/errors.ts'

export type SearchObservations = {
  readonly searches: number
  readonly emptyAnswers: number
  readonly failures: number
  /** 95th percentile in milliseconds of the newest searches; null without any. */
  readonly latency: number | null
}

export type SearchObserver = {
  /**
   * Runs a search and remembers how it went. An empty answer counts only where `emptyTells`: a filter, or words that no caption
   * has, find nothing with any model.
   */
  observe<T>(search: () => Promise<T>, isEmpty: (result: T) => boolean, emptyTells: boolean): Promise<T>
  /** What was seen since `restart`. */
  seen(): SearchObservations
  /** Starts anew, for a release that has just taken over. */
  restart(): void
}

const REMEMBERED = 1_000

/** What the client asked wrongly, or too early, would have failed with any release. */
function tellsOfRelease(error: unknown): boolean {
  const { kind, code } = toAppError(error)
  return kind !== 'invalid' && code !== 'no-model'
}

/** Watches the searches of this process, for the release watch. */
export function createSearchObserver(): SearchObserver {
  let searches = 0
  let emptyAnswers = 0
  let failures = 0
  let latencies: number[] = []

  const remember = (start: number): void => {
    latencies[searches++ % REMEMBERED] = performance.now() - start
  }

  return {
    async observe(search, isEmpty, emptyTells) {
      const start = performance.now()
      try {
        const result = await search()
        remember(start)
        if (emptyTells && isEmpty(result)) emptyAnswers++
        return result
      } catch (error) {
        if (tellsOfRelease(error)) {
          remember(start)
          failures++
        }
        throw error
      }
    },
    seen() {
      const sorted = [...latencies].sort((a, b) => a - b)
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
