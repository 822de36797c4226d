import { v7 as uuidV7 } from 'uuid'
import { AppError } from '../core/errors.ts'
import type { QueryAsked } from '../core/events.ts'
import { withoutPersonalData, type Names } from '../core/personal-data.ts'
import type { EventLog, NewRecord } from '../ports/event-log.ts'
import { normaliseQuery } from './query-vector.ts'
import type { SearchService } from './search-service.ts'
import { likenessIn, type SearchRequest, type SearchResult } from './search-types.ts'

/** Hits of an answer that are kept with the query. */
const HITS = 10
/** Records that are appended at once. */
const BATCH = 256
/** Records that wait while the log is slow or away: half a minute of a busy server. */
const MOST_WAITING = 20_000

export type QueryLog = {
  /** The service, with every answer given an id and kept; what it keeps it never waits for. */
  around(search: SearchService): SearchService
  /** Resolves once what waits is in the log, or cannot be put there. */
  close(): Promise<void>
}

/**
 * Keeps what is asked, without personal data, in the topic `queries`. A search is answered whatever becomes of its record: those that
 * would make the queue grow without end, or that the log does not take, are dropped and counted.
 */
export function createQueryLog(deps: {
  readonly log: Pick<EventLog, 'append'>
  readonly names: Names
  readonly clock: () => number
  readonly onDropped: (count: number) => void
  /** Told of the first failure in a row. */
  readonly onFailed: (error: unknown) => void
}): QueryLog {
  let waiting: NewRecord<'queries'>[] = []
  let writing: Promise<void> | null = null

  async function write(): Promise<void> {
    let isFailing = false
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH)
      waiting = waiting.slice(BATCH)
      try {
        await deps.log.append(batch)
        isFailing = false
      } catch (error) {
        if (!isFailing) deps.onFailed(error)
        isFailing = true
        deps.onDropped(batch.length)
      }
    }
    writing = null
  }

  function keep(value: QueryAsked): void {
    if (waiting.length >= MOST_WAITING) {
      deps.onDropped(1)
      return
    }
    waiting.push({ topic: 'queries', key: value.queryId, value })
    // In a turn of its own, so that searches that end together are appended together.
    writing ??= Promise.resolve().then(write)
  }

  function kept(request: SearchRequest, result: SearchResult): SearchResult {
    const queryId = uuidV7()
    keep(recordOf(queryId, request, result, deps.clock(), deps.names))
    return { ...result, queryId }
  }

  return {
    around: (search) => ({
      search: async (request) => kept(request, await search.search(request)),
      async searchAll(requests) {
        const results = await search.searchAll(requests)
        return results.map((result, i) => {
          const request = requests[i]
          return result instanceof AppError || request === undefined ? result : kept(request, result)
        })
      },
    }),
    async close() {
      await writing
    },
  }
}

function recordOf(
  queryId: string,
  request: SearchRequest,
  result: SearchResult,
  askedAt: number,
  names: Names,
): QueryAsked {
  const { input, target, mode, offset, principal = null } = request
  const { modelVersion, generation, tookMs } = result
  return {
    queryId,
    input: input.kind,
    text: 'text' in input ? withoutPersonalData(normaliseQuery(input.text), names) : null,
    imageId: likenessIn(request),
    target,
    mode,
    principal,
    modelVersion,
    generation,
    offset,
    hits: result.hits.slice(0, HITS).map(({ imageId, pairId, score }) => ({ imageId, pairId, score })),
    tookMs,
    askedAt,
  }
}
