import { toAppError, type AppError } from '../core/errors.ts'
import { normaliseQuery, type TextEncoding } from './query-vector.ts'
import { textsIn, type SearchRequest, type SearchResult } from './search-types.ts'
import type { Served } from './serving.ts'

/** How many searches of one request are under way at a time. */
const AT_ONCE = 4

/** Runs searches a few at a time; what one throws is its result. */
export async function inBatches(
  requests: readonly SearchRequest[],
  search: (request: SearchRequest) => Promise<SearchResult>,
): Promise<(SearchResult | AppError)[]> {
  const results: (SearchResult | AppError)[] = []
  for (let from = 0; from < requests.length; from += AT_ONCE) {
    const few = requests.slice(from, from + AT_ONCE).map((request) => search(request).catch(toAppError))
    results.push(...(await Promise.all(few)))
  }
  return results
}

/** The texts of all searches that compare meanings, encoded in one run; what is no text is left to the search that has it. */
export async function encodedTogether(
  requests: readonly SearchRequest[],
  { encoder }: Pick<Served, 'encoder'>,
): Promise<TextEncoding> {
  const meant = requests.filter(({ mode }) => mode !== 'text')
  const texts = [...new Set(meant.flatMap(textsIn).flatMap(ifReadable))]
  const vectors = texts.length === 0 ? [] : await encoder.encodeTexts(texts)
  const known = new Map(texts.map((text, i) => [text, vectors[i]]))
  return async (wanted) => wanted.flatMap((text) => known.get(text) ?? [])
}

function ifReadable(text: string): string[] {
  try {
    return [normaliseQuery(text)]
  } catch {
    return []
  }
}
