import { toAppError } from '../core/errors.ts'

type SearchObservations = {
  readonly searches: number
  /** The searches whose answers tell of the release: those that neither a filter nor the words alone could leave empty. */
  readonly telling: number
  readonly emptyAnswers: number
  /** The best scores of the newest telling searches that found something. */
  readonly bestScores: readonly number[]
  readonly failures: number
  /** 95th percentile in milliseconds of the newest searches; null without any. */
  readonly latency: number | null
}

export type SearchObserver = {
  /**
   * Runs a search and remembers how it went. `scoresOf` gives the answer's scores, best first, where they tell of the release, else
   * null: a filter, or words that no caption has, find nothing with any model.
   */
  observe<T>(search: () => Promise<T>, scoresOf: (result: T) => readonly number[] | null): Promise<T>
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
  let telling = 0
  let emptyAnswers = 0
  let failures = 0
  let latencies: number[] = []
  let bestScores: number[] = []

  const remember = (start: number): void => {
    latencies[searches++ % REMEMBERED] = performance.now() - start
  }

  const learn = (scores: readonly number[]): void => {
    const [best] = scores
    if (best === undefined) emptyAnswers++
    else bestScores[(telling - emptyAnswers) % REMEMBERED] = best
    telling++
  }

  return {
    async observe(search, scoresOf) {
      const start = performance.now()
      try {
        const result = await search()
        remember(start)
        const scores = scoresOf(result)
        if (scores !== null) learn(scores)
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
      const latency = sorted[Math.floor(sorted.length * 0.95)] ?? null
      return { searches, telling, emptyAnswers, bestScores: [...bestScores], failures, latency }
    },
    restart() {
      searches = 0
      telling = 0
      emptyAnswers = 0
      failures = 0
      latencies = []
      bestScores = []
    },
  }
}
