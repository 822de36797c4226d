import { toAppError } from '../core/errors.ts'
import type { RetrainingRequested } from '../core/events.ts'
import { readSnapshot } from '../core/snapshot.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Database } from '../sqlite/database.ts'

/** The newest request among the records that is not known yet: of several records of one id, the first counts. */
function newestRequest(database: Database, records: readonly LogRecord[]): RetrainingRequested | null {
  const known = database.prepare("SELECT 1 FROM event WHERE topic = 'retraining.requested' AND key = ?")
  const fresh = new Map<string, RetrainingRequested>()
  for (const record of records) {
    if (record.topic !== 'retraining.requested' || record.value === null || fresh.has(record.value.requestId)) continue
    if (known.get(record.value.requestId) === undefined) fresh.set(record.value.requestId, record.value)
  }
  return [...fresh.values()].at(-1) ?? null
}

/**
 * The pairs that the newest request among the records makes the counter's base, or null when there is none. A snapshot that is gone
 * or damaged leaves an empty base, so that the next pair asks anew; nothing else hangs on it. Throws what is unavailable.
 */
export async function requestedBase(
  database: Database,
  blobs: BlobStore,
  records: readonly LogRecord[],
): Promise<readonly string[] | null> {
  const request = newestRequest(database, records)
  if (request === null) return null
  try {
    const bytes = await blobs.get(request.snapshot)
    return bytes === null ? [] : readSnapshot(bytes).map(({ pairId }) => pairId)
  } catch (error) {
    if (toAppError(error).kind !== 'invalid') throw error
    return []
  }
}
