import type { Platform } from '../../../src/bootstrap.ts'
import { imageBlobKey } from '../../../src/core/pair-record.ts'
import { twiceAmong } from './doubled.ts'
import type { KnownPair } from './ledger.ts'
import { hitsOfCaption, hitsOfPicture, MOST_HITS, type Hit } from './outside.ts'

type Searched = {
  /** Pairs that no search has shown. */
  readonly missed: ReadonlySet<string>
  /** Pairs that were answered twice in one search, in words. */
  readonly twice: readonly string[]
  /** Pairs that a search by their own caption has shown. */
  readonly byCaption: number
  /** Pairs whose picture a search by itself has shown, with their caption. */
  readonly byPicture: number
}

const AT_ONCE = 4

/** Looks for each pair by its own caption, and for some, spread over all, by their own picture too. */
export async function searchForAll(
  { blobs }: Platform,
  address: string,
  pairs: readonly (readonly [string, KnownPair])[],
  pictures: number,
): Promise<Searched> {
  const missed = new Set<string>()
  const twice: string[] = []
  const found = { byCaption: 0, byPicture: 0 }
  const every = Math.max(1, Math.floor(pairs.length / pictures))

  const lookFor = async (at: number, pairId: string, { imageId, caption }: KnownPair): Promise<void> => {
    const hits = await hitsOfCaption(address, caption)
    twice.push(...twiceAmong(hits).map((id) => `a search answered twice by ${id}`))
    if (hits.some((hit) => hit.pairId === pairId)) found.byCaption++
    else if (!areMoreAlike(hits)) missed.add(pairId)
    if (at % every !== 0) return
    const bytes = await blobs.get(imageBlobKey(imageId))
    const similar = bytes === null ? [] : await hitsOfPicture(address, Buffer.from(bytes).toString('base64'))
    const own = similar.find((hit) => hit.imageId === imageId)
    if (own?.captions.some((each) => each.pairId === pairId) === true) found.byPicture++
    else missed.add(pairId)
  }
  const waiting = pairs.entries()
  const work = async (): Promise<void> => {
    for (const [at, [pairId, pair]] of waiting) await lookFor(at, pairId, pair)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return { missed, twice, ...found }
}

/** Whether a full page is of captions that score alike: any of those may be on it, so nothing is said of the others. */
function areMoreAlike(hits: readonly Hit[]): boolean {
  const [best, last] = [hits[0]?.score ?? 0, hits.at(-1)?.score ?? 0]
  return hits.length === MOST_HITS && best - last < 1e-5
}
