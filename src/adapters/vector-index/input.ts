import { AppError } from '../../core/errors.ts'
import { isUuid } from '../../core/ids.ts'
import { dot } from '../../core/vector.ts'
import { isFiltering, type Filter, type IndexQuery, type Removal, type WordsQuery } from '../../ports/vector-index.ts'

const UNIT_TOLERANCE = 1e-3

/** The id as it is stored: a UUID in lower case. Throws `invalid-request`. */
export function pointId(id: string): string {
  if (!isUuid(id)) throw new AppError('invalid-request', 'The id of a point must be a UUID.')
  return id.toLowerCase()
}

/** The removals as ids are stored, each id once with the last offset it was given. Throws `invalid-request`. */
export function checkRemovals(removals: readonly Removal[]): Removal[] {
  const last = new Map<string, number>()
  for (const { id, upTo } of removals) {
    const stored = pointId(id)
    if (!Number.isSafeInteger(upTo)) throw new AppError('invalid-request', 'upTo must be the offset of a record.')
    last.set(stored, Math.max(upTo, last.get(stored) ?? upTo))
  }
  return Array.from(last, ([id, upTo]) => ({ id, upTo }))
}

/** Throws `invalid-vector` unless the vector has `dimension` finite values and unit length within 1e-3. */
export function checkVector(vector: Float32Array, dimension: number): void {
  if (vector.length !== dimension) {
    throw new AppError('invalid-vector', `The vector has ${vector.length} values; the generation has ${dimension}.`)
  }
  const length = Math.sqrt(dot(vector, vector))
  // A value that is not finite makes the length not finite too.
  if (!Number.isFinite(length)) throw new AppError('invalid-vector', 'The vector holds a value that is not finite.')
  if (Math.abs(length - 1) > UNIT_TOLERANCE) {
    throw new AppError('invalid-vector', `The vector has length ${length.toFixed(4)}; normalise it to unit length.`)
  }
}

/** Generations name files and collections: letters, digits, `_`, `-` and inner dots. Throws `invalid-request`. */
export function checkGeneration(generation: string): void {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(generation)) {
    throw new AppError(
      'invalid-request',
      'A generation is named by up to 100 letters, digits, dots, dashes and underscores.',
    )
  }
}

export function checkDimension(dimension: number): void {
  if (!Number.isInteger(dimension) || dimension < 1 || dimension > 65_536) {
    throw new AppError('invalid-vector', 'The dimension of a generation must be a whole number from 1 to 65,536.')
  }
}

/** What a page of hits is cut by; null for a filter without a condition. */
export type Page = { readonly limit: number; readonly offset: number; readonly filter: Filter | null }

/** A query whose numbers make sense, its page defaulted. Throws `invalid-request`. */
export function checkPage(query: Pick<WordsQuery, 'limit' | 'offset' | 'filter'>): Page {
  const { limit, offset = 0 } = query
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new AppError('invalid-request', 'limit must be a whole number, 0 or more.')
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new AppError('invalid-request', 'offset must be a whole number, 0 or more.')
  const filter = query.filter !== undefined && isFiltering(query.filter) ? query.filter : null
  return { limit, offset, filter }
}

/** As `checkPage`, and `invalid-vector`. */
export function checkQuery(query: IndexQuery, dimension: number): Page {
  const page = checkPage(query)
  checkVector(query.vector, dimension)
  return page
}
