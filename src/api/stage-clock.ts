type Stage = 'encode' | 'search' | 'join' | 'rerank'

/** What the stages of a search took, and all of it, in milliseconds. */
export type Stages = Readonly<Record<Stage | 'total', number>>

export interface StageClock {
  during<T>(stage: Stage, work: () => Promise<T>): Promise<T>
  /** As `during`, of what is done at once. */
  within<T>(stage: Stage, work: () => T): T
  read(): Stages
}

/** Measures the stages of one search; total is the time since it was made. */
export function createStageClock(): StageClock {
  const startedAt = performance.now()
  const taken: Record<Stage, number> = { encode: 0, search: 0, join: 0, rerank: 0 }
  const add = (stage: Stage, since: number): void => void (taken[stage] += performance.now() - since)
  return {
    async during(stage, work) {
      const since = performance.now()
      try {
        return await work()
      } finally {
        add(stage, since)
      }
    },
    within(stage, work) {
      const since = performance.now()
      const result = work()
      add(stage, since)
      return result
    },
    read: () => ({ ...taken, total: performance.now() - startedAt }),
  }
}
