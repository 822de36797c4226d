/** A round of the search: each of its trials trains for so many epochs on each of so many folds. */
export type Rung = {
  /** Counts from 1. */
  readonly number: number
  readonly trials: number
  readonly folds: number
  readonly epochs: number
}

/** One trial on one fold for so many epochs. Trials count from 1, folds from 0. */
export type TrialTraining = { readonly trial: number; readonly fold: number; readonly epochs: number }

/** The score of a training, higher is better; null where it failed, undefined while it is to be done. */
export type ScoreOf = (training: TrialTraining) => number | null | undefined

/** How a trial did on a rung; scores are by fold, as far as there are any. */
export type Standing = {
  readonly trial: number
  readonly scores: readonly number[]
  /** Null before the first score, and for a trial that failed. */
  readonly mean: number | null
  /** Of the scores, with n - 1; null for fewer than two. */
  readonly deviation: number | null
  readonly failed: boolean
}

export type RungStandings = {
  readonly rung: Rung
  readonly isComplete: boolean
  /** Best first where the rung is complete, else by trial. */
  readonly standings: readonly Standing[]
}

/** Where a search stands: a function of the scores so far, so that whoever goes on does what would have been done anyway. */
export type Search = {
  /** As far as they have begun. */
  readonly rungs: readonly RungStandings[]
  /** Null once all is done. */
  readonly next: TrialTraining | null
  /** The best trial of the last rung, once it is complete. */
  readonly winner: number | null
}

/** One in so many goes on to the next rung, for which so many times the epochs are spent. */
const REDUCTION = 3

type Extent = { readonly trials: number; readonly folds: number; readonly epochs: number }

/**
 * The rungs of successive halving ("Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016, figure 3, with a third
 * in place of a half): the first takes all trials, on one fold, for a share of the epochs; a third go on, rounded up, for three times the
 * epochs on more folds; the last takes three at most, on all folds, for all epochs.
 */
export function planRungs({ trials, folds, epochs }: Extent): readonly Rung[] {
  const counts = [trials]
  while ((counts.at(-1) ?? 0) > REDUCTION) counts.push(Math.ceil((counts.at(-1) ?? 0) / REDUCTION))
  const last = counts.length - 1
  return counts.map((count, index) => ({
    number: index + 1,
    trials: count,
    folds: last === 0 ? folds : Math.round(1 + ((folds - 1) * index) / last),
    epochs: Math.max(1, Math.ceil(epochs / REDUCTION ** (last - index))),
  }))
}

/** Higher means first; of equals, and of those that failed, the earlier trial. */
const compare = (a: Standing, b: Standing): number =>
  (b.mean ?? Number.NEGATIVE_INFINITY) - (a.mean ?? Number.NEGATIVE_INFINITY) || a.trial - b.trial

/**
 * The `count` trials that go on, best first; fewer where fewer have not failed. The first trial always does, in place of the last: the
 * search ends with a comparison with what trains without it.
 */
export function survivors(standings: readonly Standing[], count: number): readonly number[] {
  const able = standings.filter(({ failed }) => !failed).toSorted(compare)
  const best = able.slice(0, count).map(({ trial }) => trial)
  if (best.includes(1) || !able.some(({ trial }) => trial === 1)) return best
  return [...best.slice(0, count - 1), 1]
}

function standingOf(trial: number, { folds, epochs }: Rung, scoreOf: ScoreOf): Standing {
  const found = Array.from({ length: folds }, (_, fold) => scoreOf({ trial, fold, epochs }))
  const scores = found.filter((score) => typeof score === 'number')
  const failed = found.includes(null)
  if (failed || scores.length === 0) return { trial, scores, mean: null, deviation: null, failed }
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0)
  const deviation = scores.length < 2 ? null : Math.sqrt(squares / (scores.length - 1))
  return { trial, scores, mean, deviation, failed }
}

/** The first training of a rung that is to be done: fold after fold, so that trials are compared on the same ones; none of what failed. */
function nextOf({ folds, epochs }: Rung, standings: readonly Standing[], scoreOf: ScoreOf): TrialTraining | null {
  for (let fold = 0; fold < folds; fold++) {
    for (const { trial, failed } of standings) {
      const training = { trial, fold, epochs }
      if (!failed && scoreOf(training) === undefined) return training
    }
  }
  return null
}

/** Where the search stands with these scores. A training counts for every rung that asks for it, and is done once. */
export function searchWith(rungs: readonly Rung[], scoreOf: ScoreOf): Search {
  const begun: RungStandings[] = []
  let trials: readonly number[] = Array.from({ length: rungs[0]?.trials ?? 0 }, (_, index) => index + 1)
  for (const rung of rungs) {
    const taken = begun.length === 0 ? trials : survivors(begun.at(-1)?.standings ?? [], rung.trials)
    trials = taken.toSorted((a, b) => a - b)
    const standings = trials.map((trial) => standingOf(trial, rung, scoreOf))
    const next = nextOf(rung, standings, scoreOf)
    begun.push({ rung, isComplete: next === null, standings: next === null ? standings.toSorted(compare) : standings })
    if (next !== null) return { rungs: begun, next, winner: null }
  }
  const best = begun.at(-1)?.standings[0]
  return { rungs: begun, next: null, winner: best === undefined || best.failed ? null : best.trial }
}

/** The epochs that are to be trained from here on, at most: early stopping, and what fails, take some away. */
export function epochsLeft(rungs: readonly Rung[], scoreOf: ScoreOf): number {
  const { rungs: begun } = searchWith(rungs, scoreOf)
  return rungs.reduce((sum, rung, index) => {
    const before = rungs[index - 1]
    const standings = begun[index]?.standings
    if (standings === undefined) {
      // Trainings of the rung before count here too where they were as long.
      const done = before?.epochs === rung.epochs ? before.folds : 0
      return sum + rung.trials * Math.max(0, rung.folds - done) * rung.epochs
    }
    const open = standings.filter(({ failed }) => !failed).map(({ scores }) => rung.folds - scores.length)
    return sum + open.reduce((total, folds) => total + folds, 0) * rung.epochs
  }, 0)
}
