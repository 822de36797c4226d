import type { Catalogue } from '../catalogue/catalogue.ts'
import type { EventLog } from '../ports/event-log.ts'

/** How long what is in the log may remain unfolded before requests should go elsewhere. */
const MAX_BEHIND = 60_000

/**
 * Says `catalogue-behind` until everything was folded once, and after that when something has been in the log for a minute that is
 * not folded. Under load something always is on the way, so being behind at one moment says nothing. A log that does not answer is no
 * reason to send searches elsewhere before `mayBeCutOff` milliseconds have passed: as a rule it is away for everybody.
 */
export function createCatalogueReadiness({
  catalogue,
  log,
  clock,
  mayBeCutOff,
}: {
  readonly catalogue: Pick<Catalogue, 'isCaughtUp' | 'caughtUp'>
  readonly log: EventLog
  readonly clock: () => number
  readonly mayBeCutOff: number
}): () => Promise<readonly string[]> {
  let behindSince: number | null = -Infinity
  let waiting = false

  const waitForEndOfNow = async (): Promise<void> => {
    waiting = true
    try {
      await catalogue.caughtUp(log)
      behindSince = null
    } catch {
      // The fold has ended or the log is away: it stays behind, and the next question waits again.
    } finally {
      waiting = false
    }
  }

  return async () => {
    const state = await catalogue.isCaughtUp(log).then(
      (isCaughtUp) => (isCaughtUp ? 'caught-up' : 'behind'),
      () => 'cut-off',
    )
    if (state === 'caught-up') {
      behindSince = null
      return []
    }
    behindSince ??= clock()
    const since = behindSince
    if (!waiting) void waitForEndOfNow()
    const limit = state === 'cut-off' ? mayBeCutOff : MAX_BEHIND
    return clock() - since >= limit ? ['catalogue-behind'] : []
  }
}
