import type { Catalogue } from '../catalogue/catalogue.ts'
import type { RetrainingReason, RetrainingRequested } from '../core/events.ts'
import { requestIdOf } from '../core/ids.ts'
import { writeSnapshot } from '../core/snapshot.ts'
import type { Effect } from './effects.ts'

type RequestOptions = {
  readonly reason: RetrainingReason
  readonly requestedBy: string
  readonly threshold: number
  readonly now: number
}

/**
 * The effects that ask for a retraining on what is alive now: the snapshot's blob, then the request. The id follows from
 * the request before and the reason, so two who ask at once ask for the same thing.
 */
export function retrainingRequest(
  catalogue: Catalogue,
  options: RequestOptions,
): { request: RetrainingRequested; effects: Effect[] } {
  const previous = catalogue.requests().at(-1) ?? null
  const { counted, base } = catalogue.counts()
  const snapshot = writeSnapshot(catalogue.livePairs())
  const request: RetrainingRequested = {
    requestId: requestIdOf(previous?.requestId ?? null, options.reason),
    previousRequestId: previous?.requestId ?? null,
    reason: options.reason,
    dataSetSize: counted,
    newPairs: counted - base,
    threshold: options.threshold,
    snapshot: snapshot.key,
    requestedBy: options.requestedBy,
    requestedAt: options.now,
  }
  return {
    request,
    effects: [
      { type: 'blob-put', key: snapshot.key, bytes: snapshot.bytes },
      { type: 'events-append', records: [{ topic: 'retraining.requested', key: request.requestId, value: request }] },
    ],
  }
}

/** How much of the data set is new, as the counter sees it. */
export function counterState(catalogue: Catalogue): { base: number; fresh: number; requested: boolean } {
  const { counted, base } = catalogue.counts()
  return { base, fresh: counted - base, requested: catalogue.requests().length > 0 }
}
