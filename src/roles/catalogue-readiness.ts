import type { Catalogue } from '../catalogue/catalogue.ts'
import type { EventLog } from '../ports/event-log.ts'
import { inTime } from './dependencies.ts'

/** How long what is in the log may remain unfolded before requests should go elsewhere. */
const MAX_BEHIND = 60_000

/**
 * Says `catalogue-behind` until everything was folded once, and after that when something is known to have been in the log for a minute
 * that is not folded. Under load something always is on the way, so being behind at one moment says nothing. A log that does not answer
 * in time is no reason to send searches elsewhere before `mayBeCutOff` milliseconds have passed: as a rule it is away for everybody, and
 * what a replica was before, ready or not, it stays.
 */
export function createCatalogueReadiness({
  catalogue,
  log,
  clock,
  mayBeCutOff,
  patience,
}: {
  readonly catalogue: Pick<Catalogue, 'isCaughtUp' | 'caughtUp'>
  readonly log: EventLog
  readonly clock: () => number
  readonly mayBeCutOff: number
  /** How long the log may take to say where it ends, in milliseconds. */
  readonly patience?: number
}): () => Promise<readonly string[]> {
  let behindSince: number | null = -Infinity
  let cutOffSince: number | null = null
  let waiting: symbol | null = null

  const isLate = (): boolean => behindSince !== null && clock() - behindSince >= MAX_BEHIND

  const waitForEndOfNow = async (): Promise<void> => {
    const wait = (waiting = Symbol())
    try {
      await catalogue.caughtUp(log)
      if (waiting === wait) behindSince = null
    } catch {
      // The fold has ended or the log is away: it stays behind, and the next question waits again.
    } finally {
      if (waiting === wait) waiting = null
    }
  }

  const ask = (): Promise<'caught-up' | 'behind' | 'cut-off'> =>
    inTime(catalogue.isCaughtUp(log), 'log-unavailable', patience).then(
      (isCaughtUp) => (isCaughtUp ? 'caught-up' : 'behind'),
      () => 'cut-off',
    )

  return async () => {
    const state = await ask()
    if (state === 'cut-off') {
      cutOffSince ??= clock()
      // What was on its way as the log went away says nothing either.
      if (!isLate()) behindSince = null
      return isLate() || clock() - cutOffSince >= mayBeCutOff ? ['catalogue-behind'] : []
    }
    // Cut off for so long, it may serve what is deleted: that the log answers again says nothing before it is folded.
    const wasAwayTooLong = cutOffSince !== null && clock() - cutOffSince >= mayBeCutOff
    cutOffSince = null
    if (state === 'caught-up') behindSince = null
    else {
      behindSince = wasAwayTooLong ? -Infinity : (behindSince ?? clock())
      // Who waits since before the cut waits for less.
      if (waiting === null || wasAwayTooLong) void waitForEndOfNow()
    }
    return isLate() ? ['catalogue-behind'] : []
  }
}
