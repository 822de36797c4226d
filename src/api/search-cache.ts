import { createBoundedCache } from '../core/bounded-cache.ts'
import { AppError } from '../core/errors.ts'
import { normaliseQuery } from './query-vector.ts'
import { type SearchInput, type SearchRelease, type SearchRequest, type SearchResult } from './search-types.ts'

/** What all answers that are kept may take, in characters, roughly. */
const MOST = 16 * 1024 * 1024
/** What a hit takes beside its captions and metadata. */
const HIT = 600

/**
 * Answers of searches by texts and picture ids, for as long as the catalogue has not folded anything since: whatever is published, embedded, erased or released
 * is told there, so an answer that is kept is the one that would be given. The oldest leave first where they become too many.
 */
export type SearchCache = {
  /** The answer under `key` if it still holds, else that of `run`. A null key is never kept. */
  answer(key: string | null, run: () => Promise<SearchResult>): Promise<SearchResult>
  /** Forgets all, and listens no more. */
  close(): void
}

export function createSearchCache(options: {
  /** Calls back after each change of what searches may find; returns the unsubscription. */
  readonly onChange: (listener: () => void) => () => void
  /** Told of each search that could have been kept. */
  readonly onLookedUp?: (outcome: 'hit' | 'miss') => void
  readonly most?: number
}): SearchCache {
  const { onLookedUp = () => undefined, most = MOST } = options
  const answers = createBoundedCache<SearchResult>(most, sizeOf)
  let changes = 0
  const forget = (): void => {
    changes++
    answers.clear()
  }
  const unsubscribe = options.onChange(forget)

  return {
    async answer(key, run) {
      if (key === null) return run()
      const startedAt = performance.now()
      const known = answers.get(key)
      onLookedUp(known === undefined ? 'miss' : 'hit')
      if (known !== undefined) return again(known, performance.now() - startedAt)
      const before = changes
      const result = await run()
      // What failed to be reranked may be reranked the next time.
      if (changes === before && (result.reranked?.failure ?? null) === null) answers.set(key, result)
      return result
    },
    close() {
      unsubscribe()
      forget()
    },
  }
}

const again = (result: SearchResult, total: number): SearchResult => ({
  ...result,
  cached: true,
  stages: { encode: 0, search: 0, join: 0, rerank: 0, total },
  tookMs: total,
})

function sizeOf({ hits }: SearchResult, key: string): number {
  const text = (sum: number, words: string): number => sum + words.length
  return hits.reduce(
    (sum, { captions, metadata, duplicates }) =>
      sum +
      HIT +
      captions.reduce((all, { caption }) => all + caption.length + 100, 0) +
      Object.entries(metadata).flat().reduce(text, 0) +
      (duplicates ?? []).reduce(text, 0),
    key.length,
  )
}

/**
 * The key of an answer: the release, when its relevance was fitted, and the request in one form, whatever order it was written in. Null for one by a picture or an
 * embedding that was sent, since nobody sends these twice, and for one that is no search.
 */
export function cacheKey(
  request: SearchRequest,
  release: SearchRelease | null,
  calibratedAt: number | null,
): string | null {
  const { not, target, mode, limit, offset, filter, rerank = 0, minRelevance = null, group = false } = request
  try {
    const input = inputKey(request.input)
    if (input === null) return null
    const unwanted = not === undefined ? null : normaliseQuery(not)
    const sorted = (fields: object = {}) => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
    const conditions = [filter.splits?.toSorted() ?? null, sorted(filter.metadata), sorted(filter.ranges)]
    return JSON.stringify([release?.releaseId ?? null, calibratedAt, input, unwanted, target, mode, limit, offset, conditions, rerank, minRelevance, group]) // prettier-ignore
  } catch (error) {
    if (error instanceof AppError) return null
    throw error
  }
}

function inputKey(input: SearchInput): unknown[] | null {
  switch (input.kind) {
    case 'text':
      return [normaliseQuery(input.text)]
    case 'image':
      return [null, input.imageId]
    case 'both': {
      const picture = inputKey(input.picture)
      return picture === null ? null : [normaliseQuery(input.text), ...picture, input.textWeight]
    }
    case 'picture':
    case 'embedding':
      return null
  }
}
