import type { Platform } from '../../../src/bootstrap.ts'
import { topics } from '../../../src/core/events.ts'
import { imageIdOf } from '../../../src/core/ids.ts'
import { imageBlobKey } from '../../../src/core/pair-record.ts'
import { viewReleases } from '../../../src/core/release-chain.ts'
import type { PointKind } from '../../../src/ports/vector-index.ts'
import { difference, repeated, type SearchedFindings } from '../../fixtures/fault-findings.ts'
import { ask } from './ask.ts'
import { doubledCaptions, doubledInLog } from './doubled.ts'
import { pairsIn, type Ledger } from './ledger.ts'
import { idsIn, listedPairs, otherCaptions, searchedIn } from './outside.ts'
import { deadFeatures, deadPictures, shownCaptions } from './remains.ts'
import { searchForAll } from './search-for-all.ts'
import { releasesOf } from './settle.ts'

/** How many pictures are looked for by search, of all; the captions are, each. */
const PICTURES_SEARCHED = 25

/** Compares what was acknowledged with everything that is there, from outside, once all has settled. */
export async function verify(platform: Platform, address: string, ledger: Ledger): Promise<SearchedFindings> {
  const { catalogue, index, log, blobs } = platform
  await catalogue.caughtUp(log)
  const generation = catalogue.currentRelease()?.generation
  if (generation === undefined) throw new Error('No release serves.')
  const inconsistent: string[] = [...ledger.wrong]
  const complain = (what: string, ids: readonly string[]) => inconsistent.push(...ids.map((id) => `${what}: ${id}`))

  const livePairs = [...catalogue.livePairs()]
  const expected: Record<PointKind, string[]> = {
    images: [...catalogue.liveImageIds()],
    captions: livePairs.map(({ pairId }) => pairId),
  }
  const points = { images: new Set<string>(), captions: new Set<string>() }
  const duplicated = [...ledger.doubled, ...(await doubledInLog(platform))]
  duplicated.push(...(await doubledCaptions(platform, generation)))
  for (const kind of ['images', 'captions'] as const) {
    const ids = await idsIn(platform, generation, kind)
    const searched = await searchedIn(platform, generation, kind, ids.length)
    points[kind] = new Set(ids)
    duplicated.push(...repeated(ids), ...repeated(searched))
    complain(`${kind}: live without a point`, difference(expected[kind], ids))
    complain(`${kind}: a point of nothing live`, difference(ids, expected[kind]))
    complain(`${kind}: stored and not searched, or the other way`, [
      ...difference(ids, searched),
      ...difference(searched, ids),
    ])
  }

  const list = await listedPairs(address)
  duplicated.push(...repeated(list.map(({ pairId }) => `listed: ${pairId}`)))
  const listed = new Map(list.map(({ pairId, status }) => [pairId, status]))
  complain(
    'a pair that the API lists and the log does not hold',
    [...listed.keys()].filter((pairId) => !catalogue.isLivePair(pairId)),
  )
  const live = pairsIn(ledger, 'live')
  const search = await searchForAll(platform, address, live, PICTURES_SEARCHED)
  duplicated.push(...search.twice)
  const lost = live.flatMap(([pairId, { imageId }]) => {
    const isThere =
      catalogue.isLivePair(pairId) &&
      listed.get(pairId) === 'indexed' &&
      points.captions.has(pairId) &&
      points.images.has(imageId)
    return isThere && !search.missed.has(pairId) ? [] : [pairId]
  })

  const generations = (await index.generations()).map((each) => each.generation)
  complain('a generation that nobody needs', difference(generations, viewReleases(catalogue.releases()).live.keys()))
  const erased = pairsIn(ledger, 'erased')
  const resurrected = [
    ...(await shownCaptions(
      platform,
      erased.map(([, pair]) => pair),
    )),
    ...(await deadPictures(platform)),
    ...(await deadFeatures(platform)),
  ]
  for (const [pairId] of erased) {
    const held = await Promise.all(generations.map((each) => index.points(each, 'captions', [pairId])))
    if (catalogue.isLivePair(pairId) || listed.has(pairId) || held.flat().length > 0) resurrected.push(pairId)
    const receipt = (await ask(`${address}/v1/erasures/${pairId}`))?.body['state']
    if (receipt !== 'done') inconsistent.push(`a receipt that is ${String(receipt)}: ${pairId}`)
  }

  for (const imageId of expected.images) {
    const bytes = await blobs.get(imageBlobKey(imageId))
    if (bytes === null || imageIdOf(bytes) !== imageId) inconsistent.push(`an image without its blob: ${imageId}`)
  }
  complain('an image with other captions', await otherCaptions(platform, generation))

  for (const topic of topics) {
    complain(
      `a dead record of ${topic}`,
      (await log.dead(topic)).map(({ key, headers }) => `${key} ${headers['cause'] ?? ''}`),
    )
  }
  const told = (await releasesOf(address)).map(({ releaseId }) => releaseId)
  const folded = catalogue.releases().map(({ releaseId }) => releaseId)
  if (JSON.stringify(told) !== JSON.stringify(folded)) inconsistent.push('the API tells other releases than the log')

  return {
    acknowledged: live.length,
    found: live.length - lost.length,
    byCaption: search.byCaption,
    byPicture: search.byPicture,
    erased: erased.length,
    lost,
    duplicated,
    resurrected,
    inconsistent,
  }
}
