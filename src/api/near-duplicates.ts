import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Filter } from '../ports/vector-index.ts'
import { matchesFilter, type LiveHit } from './live-hits.ts'

/** Shown of a group at most: one picture may have been published a thousand times, a little different each. */
const MOST_SHOWN = 100

/** The live near-duplicates of a hit that pass the filter. */
export function duplicatesOf(catalogue: Catalogue, { image }: LiveHit, filter: Filter): string[] {
  const others = catalogue.imagesLike(image.splitKey).filter((id) => id !== image.imageId)
  if (others.length === 0) return []
  return [...catalogue.images(others.slice(0, MOST_SHOWN)).values()]
    .filter((other) => matchesFilter(other, filter))
    .map(({ imageId }) => imageId)
}
