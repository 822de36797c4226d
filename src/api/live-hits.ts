import type { Catalogue, CatalogueImage } from '../catalogue/catalogue.ts'
import { isWithin } from '../core/value-range.ts'
import type { Filter, PointKind } from '../ports/vector-index.ts'

/** What a search structure found: a picture, or one caption of it (`pairId`). */
export type Candidate = { readonly imageId: string; readonly pairId: string | null; readonly score: number }

/** A candidate that is alive, with what the catalogue knows of it now. */
export type LiveHit = {
  readonly score: number
  readonly image: CatalogueImage
  readonly pairId: string | null
  readonly caption: string | null
}

/** Whether the picture satisfies the filter by what the catalogue says; an index may be a moment behind. */
export function matchesFilter(image: CatalogueImage, filter: Filter): boolean {
  if (filter.splits !== undefined && !filter.splits.includes(image.split)) return false
  const holds = (field: string, accepts: (value: string) => boolean): boolean => {
    const value = Object.hasOwn(image.metadata, field) ? image.metadata[field] : undefined
    return value !== undefined && accepts(value)
  }
  return (
    Object.entries(filter.metadata ?? {}).every(([field, values]) => holds(field, (value) => values.includes(value))) &&
    Object.entries(filter.ranges ?? {}).every(([field, range]) => holds(field, (value) => isWithin(range, value)))
  )
}

/** Keeps what the catalogue holds as alive, in order, each picture or caption once: tombstones win over any index. */
export function joinLive(catalogue: Catalogue, candidates: readonly Candidate[], filter: Filter): LiveHit[] {
  const images = catalogue.images([...new Set(candidates.map((candidate) => candidate.imageId))])
  const seen = new Set<string>()
  const hits: LiveHit[] = []
  for (const { imageId, pairId, score } of candidates) {
    const image = images.get(imageId)
    const id = pairId ?? imageId
    if (image === undefined || seen.has(id) || !matchesFilter(image, filter)) continue
    const caption = pairId === null ? null : image.captions.find((known) => known.pairId === pairId)?.caption
    if (caption === undefined) continue
    seen.add(id)
    hits.push({ score, image, pairId, caption })
  }
  return hits
}

/** Of several with the same key the first. */
export function firstOfEach<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const seen = new Set<string>()
  return items.filter((item) => seen.size < seen.add(keyOf(item)).size)
}

/** Each picture once, where the first of its captions stands. */
export const picturesOf = (captions: readonly LiveHit[]): LiveHit[] =>
  firstOfEach(captions, ({ image }) => image.imageId).map((hit) => ({ ...hit, pairId: null, caption: null }))

/** Asks for at least so many candidates at once, and again only for more of them. */
export function atLeast(
  least: number,
  fetch: (count: number) => Promise<readonly Candidate[]>,
): (count: number) => Promise<readonly Candidate[]> {
  let known: readonly Candidate[] = []
  let asked = 0
  return async (count) => {
    if (asked < count && known.length === asked) {
      asked = Math.max(count, least)
      known = await fetch(asked)
    }
    return known.slice(0, count)
  }
}

/**
 * The page [offset, offset + limit) of the live hits. What is dead or double is found out only after fetching, so it asks for
 * more than the page and, where that was not enough, for twice as many, until the page is full or there are no more.
 */
export async function livePage(
  page: { readonly offset: number; readonly limit: number },
  fetch: (count: number) => Promise<readonly Candidate[]>,
  join: (candidates: readonly Candidate[]) => LiveHit[],
): Promise<LiveHit[]> {
  const end = page.offset + page.limit
  for (let count = end + SPARE; ; count *= 2) {
    const candidates = await fetch(count)
    const hits = join(candidates)
    if (hits.length >= end || candidates.length < count || count >= MOST) return hits.slice(page.offset, end)
  }
}

const SPARE = 8
/** Beyond this a page ends short: a gallery of near-duplicates would else be read to its end for one page. */
const MOST = 4_000

/** The target's candidates from the points of an index. */
export const candidateOf = (
  kind: PointKind,
  hit: { id: string; score: number; payload: { imageId: string } },
): Candidate =>
  kind === 'images'
    ? { imageId: hit.id, pairId: null, score: hit.score }
    : { imageId: hit.payload.imageId, pairId: hit.id, score: hit.score }
