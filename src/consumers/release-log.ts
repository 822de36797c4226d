import type { Catalogue } from '../catalogue/catalogue.ts'
import type { ReleaseRecord, ReleaseState } from '../core/events.ts'
import { releaseIdOf } from '../core/ids.ts'
import type { EventLog } from '../ports/event-log.ts'

export type ReleaseDraft = {
  readonly state: ReleaseState
  readonly modelVersion: string
  readonly generation: string | null
  readonly reason: string
  readonly evidence: object | null
}

export type ReleaseLog = {
  /** Appends a record that follows the newest valid one; null when somebody else's record came first. */
  append(draft: ReleaseDraft): Promise<ReleaseRecord | null>
}

/** Writes to `releases` by compare-and-set: the record names the one it follows, and readers take the first that does. */
export function createReleaseLog(deps: { catalogue: Catalogue; log: EventLog; clock: () => number }): ReleaseLog {
  const { catalogue, log, clock } = deps
  return {
    async append(draft) {
      await catalogue.caughtUp(log)
      const follows = catalogue.releases().at(-1)?.releaseId ?? null
      const release: ReleaseRecord = {
        releaseId: releaseIdOf(follows, draft.state, draft.modelVersion),
        follows,
        state: draft.state,
        modelVersion: draft.modelVersion,
        generation: draft.generation,
        reason: draft.reason,
        evidence: draft.evidence === null ? null : JSON.stringify(draft.evidence),
        decidedAt: clock(),
      }
      await log.append([{ topic: 'releases', key: release.releaseId, value: release }])
      await catalogue.caughtUp(log)
      return catalogue.releases().find(({ releaseId }) => releaseId === release.releaseId) ?? null
    },
  }
}
