import type { Catalogue } from '../catalogue/catalogue.ts'
import type { ReleaseRecord, ReleaseState } from '../core/events.ts'
import { releaseIdOf } from '../core/ids.ts'
import { requireGoing } from '../core/stop.ts'
import type { EventLog } from '../ports/event-log.ts'

type ReleaseDraft = {
  /** The head of the chain on which the decision was made (`viewReleases`): whatever came after it makes the decision void. */
  readonly follows: string | null
  readonly state: ReleaseState
  readonly modelVersion: string
  readonly generation: string | null
  readonly reason: string
  readonly evidence: object | null
}

export type ReleaseLog = {
  /**
   * Appends the record; null when somebody else's came first, and it is as if it had never been. Throws `not-ready` once `signal` is
   * raised: before the record is appended, or while it waits to learn which came first.
   */
  append(draft: ReleaseDraft, signal?: AbortSignal): Promise<ReleaseRecord | null>
}

/** Writes to `releases` by compare-and-set: the record names the one it follows, and readers take the first that does. */
export function createReleaseLog(deps: { catalogue: Catalogue; log: EventLog; clock: () => number }): ReleaseLog {
  const { catalogue, log, clock } = deps
  return {
    async append({ evidence, ...draft }, signal) {
      requireGoing(signal)
      const release: ReleaseRecord = {
        ...draft,
        releaseId: releaseIdOf(draft.follows, draft.state, draft.modelVersion),
        evidence: evidence === null ? null : JSON.stringify(evidence),
        decidedAt: clock(),
      }
      await log.append([{ topic: 'releases', key: release.releaseId, value: release }])
      await catalogue.caughtUp(log, signal)
      return catalogue.releases().find(({ releaseId }) => releaseId === release.releaseId) ?? null
    },
  }
}
