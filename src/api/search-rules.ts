import { AppError } from '../core/errors.ts'
import { isFiltering } from '../ports/vector-index.ts'
import type { SearchRequest } from './search-types.ts'

/** Whether relevance was fitted for searches like this one: of all pictures, by the meaning of a text alone. */
export const hasRelevance = ({ input, not, target, mode, filter }: SearchRequest): boolean =>
  mode === 'vector' && target === 'images' && input.kind === 'text' && not === undefined && !isFiltering(filter)

/** Throws `invalid-request` for wishes that do not go together, with what to do instead. */
export function refuseSenseless(request: SearchRequest): void {
  const { input, mode, target, not, rerank = 0, minRelevance, group = false } = request
  const refuse = (detail: string): never => {
    throw new AppError('invalid-request', detail)
  }
  if (mode === 'text' && input.kind !== 'text') {
    refuse('Full text compares words: search by text, or leave the mode at "vector".')
  }
  if (mode === 'hybrid' && input.kind !== 'text' && input.kind !== 'both') {
    refuse('Mode "hybrid" compares words, too: search by text, or leave the mode at "vector".')
  }
  if (not !== undefined && mode !== 'vector') {
    refuse('What is not wanted is compared by meaning: leave the mode at "vector", or leave out "not".')
  }
  if (rerank > 0 && input.kind !== 'text') {
    refuse('Reranking compares words: search by text, or leave out "rerank".')
  }
  if (minRelevance !== undefined && !hasRelevance(request)) {
    refuse(
      'Relevance is known of pictures found by the meaning of a text among all: search so, without a filter, or leave out "minRelevance".',
    )
  }
  if (group && target !== 'images') refuse('Near-duplicates are pictures: search pictures, or leave out "group".')
}
