import type { Catalogue } from '../catalogue/catalogue.ts'
import { isFiltering, type Filter } from '../ports/vector-index.ts'
import { matchesFilter, type LiveHit } from './live-hits.ts'

/** Shown of a group at most: one picture may have been published a thousand times, a little different each. */
const MOST_SHOWN = 100

/** The live near-duplicates of a hit that pass the filter. */
export function duplicatesOf(catalogue: Catalogue, { image }: LiveHit, filter: Filter): string[] {
  const alike = catalogue.imagesLike(image.splitKey, MOST_SHOWN + 1)
  const others = alike.filter((id) => id !== image.imageId).slice(0, MOST_SHOWN)
  if (others.length === 0 || !isFiltering(filter)) return others
  return [...catalogue.images(others).values()]
    .filter((other) => matchesFilter(other, filter))
    .map(({ imageId }) => imageId)
}
