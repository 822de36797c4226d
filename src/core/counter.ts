export type CounterState = {
  /** Live counted pairs of the last requested snapshot, whatever became of that request. */
  readonly base: number
  /** Live counted pairs outside it. */
  readonly fresh: number
  /** Whether a retraining was ever requested. */
  readonly requested: boolean
}

export type CounterSettings = {
  /** Share of new pairs past which a retraining is asked for: new / base > threshold. */
  readonly threshold: number
  /** How many pairs the first training waits for. */
  readonly firstTrainingPairs: number
}

/** Whether the data set has grown past the threshold since the last request, or is large enough for the first. */
export function isCrossing(state: CounterState, settings: CounterSettings): boolean {
  if (!state.requested) return state.fresh >= settings.firstTrainingPairs
  // Multiplied out: a base that was erased to nothing crosses with the first new pair.
  return state.fresh > settings.threshold * state.base
}

/** How many counted pairs are missing until the next request. */
export function pairsUntilCrossing(state: CounterState, settings: CounterSettings): number {
  if (!state.requested) return Math.max(0, settings.firstTrainingPairs - state.fresh)
  return Math.max(0, Math.floor(settings.threshold * state.base) + 1 - state.fresh)
}
