import type { Catalogue } from '../catalogue/catalogue.ts'
import type { EventLog } from '../ports/event-log.ts'

/** How long what is in the log may remain unfolded before requests should go elsewhere. */
const MAX_BEHIND = 60_000

/**
 * Says `catalogue-behind` until everything was folded once, and after that when something has been in the log for a minute that is
 * not folded. Under load something always is on the way, so being behind at one moment says nothing.
 */
export function createCatalogueReadiness({
  catalogue,
  log,
  clock,
}: {
  readonly catalogue: Pick<Catalogue, 'isCaughtUp' | 'caughtUp'>
  readonly log: EventLog
  readonly clock: () => number
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
    // A log that is away says nothing of how far behind this is: the clock decides, as when it is busy.
    if (await catalogue.isCaughtUp(log).catch(() => false)) {
      behindSince = null
      return []
    }
    behindSince ??= clock()
    const since = behindSince
    if (!waiting) void waitForEndOfNow()
    return clock() - since >= MAX_BEHIND ? ['catalogue-behind'] : []
  }
}
