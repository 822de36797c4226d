import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openPlatform, type Platform } from '../../src/bootstrap.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { viewReleases } from '../../src/core/release-chain.ts'
import type { PointKind, VectorIndex } from '../../src/ports/vector-index.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { dump } from '../catalogue/dump.ts'
import { difference, repeated, type Findings } from '../fixtures/fault-findings.ts'
import type { Acknowledgements } from './events.ts'
import { crashConfig } from './setting.ts'
import { createTinyEncoder } from './tiny-encoder.ts'

async function idsIn({ index }: Platform, generation: string, kind: PointKind): Promise<string[]> {
  const ids: string[] = []
  for await (const id of index.ids(generation, kind)) ids.push(id)
  return ids
}

/** What a search for everything gives: the structure that is searched is another than the table that `ids` walks. */
async function searched({ index }: Platform, generation: string, kind: PointKind, exact: boolean): Promise<string[]> {
  const stored = await index.generations()
  const { dimension, counts } = stored.find((each) => each.generation === generation) ?? {
    dimension: 0,
    counts: { images: 0, captions: 0 },
  }
  const vector = Float32Array.from({ length: dimension }, (_, at) => (at === 0 ? 1 : 0))
  // Room for points that are there twice.
  const hits = await index.search(generation, kind, { vector, limit: 2 * counts[kind] + 10, exact })
  return hits.map(({ id }) => id)
}

/** Compares what was acknowledged with everything that is there, after a life that settled; `through` may spoil what the index says. */
export async function verify(
  folder: string,
  known: Acknowledgements,
  through: (index: VectorIndex) => VectorIndex = (index) => index,
): Promise<Findings> {
  const platform = await openPlatform(crashConfig(folder), 'own')
  try {
    return await compare({ ...platform, index: through(platform.index) }, folder, known)
  } finally {
    await platform.close()
  }
}

async function compare(platform: Platform, folder: string, known: Acknowledgements): Promise<Findings> {
  const { catalogue, index, log } = platform
  const current = catalogue.currentRelease()
  const inconsistent: string[] = []
  if (current === null) throw new Error('No release serves.')
  const { generation, modelVersion } = current
  const images = await idsIn(platform, generation, 'images')
  const captions = await idsIn(platform, generation, 'captions')
  const duplicated: string[] = []
  const points = { images: new Set(images), captions: new Set(captions) }
  const encoder = createTinyEncoder(modelVersion)

  const isFound = async (kind: PointKind, id: string, vector: Float32Array | undefined): Promise<boolean> => {
    if (vector === undefined) return false
    const [best] = await index.search(generation, kind, { vector, limit: 1 })
    return best?.id === id
  }

  const lost: string[] = []
  const resurrected: string[] = []
  let erased = 0
  for (const [pairId, { imageId, caption, state }] of known) {
    if (state === 'live') {
      const there = catalogue.isLivePair(pairId) && points.captions.has(pairId) && points.images.has(imageId)
      const [text] = await encoder.encodeTexts([caption])
      if (!there || !(await isFound('captions', pairId, text))) lost.push(pairId)
    } else if (state === 'erased') {
      erased++
      if (!catalogue.isErased(pairId) || catalogue.isLivePair(pairId) || points.captions.has(pairId))
        resurrected.push(pairId)
    }
  }

  const liveImages = [...catalogue.liveImageIds()]
  const livePairs = [...catalogue.livePairs()].map(({ pairId }) => pairId)
  const complain = (what: string, ids: readonly string[]) => inconsistent.push(...ids.map((id) => `${what}: ${id}`))
  complain('an image without a point', difference(liveImages, images))
  complain('an image point without an image', difference(images, liveImages))
  complain('a pair without a point', difference(livePairs, captions))
  complain('a caption point without a pair', difference(captions, livePairs))
  for (const [kind, ids] of Object.entries({ images, captions }) as [PointKind, string[]][]) {
    const all = await searched(platform, generation, kind, true)
    complain('a point that a search of all misses', difference(ids, all))
    complain('a point that is searched and not stored', difference(all, ids))
    duplicated.push(...repeated(ids), ...repeated(all), ...repeated(await searched(platform, generation, kind, false)))
  }
  const sources = { imageId: '', bytes: async () => new Uint8Array() }
  for (const imageId of liveImages) {
    const [vector] = await encoder.encodeImages([{ ...sources, imageId }])
    if (!(await isFound('images', imageId, vector))) inconsistent.push(`an image that is not found: ${imageId}`)
    const bytes = await platform.blobs.get(imageBlobKey(imageId))
    if (bytes === null || imageIdOf(bytes) !== imageId) inconsistent.push(`an image without its blob: ${imageId}`)
    const [point] = await index.points(generation, 'images', [imageId])
    const told = catalogue.image(imageId)?.captions.map(({ caption }) => caption)
    if (JSON.stringify(point?.payload.captions) !== JSON.stringify(told))
      inconsistent.push(`an image with other captions: ${imageId}`)
  }
  const { live } = viewReleases(catalogue.releases())
  complain(
    'a generation that nobody needs',
    difference(
      (await index.generations()).map((each) => each.generation),
      [...live.keys()],
    ),
  )
  complain(
    'a dead record',
    (await log.dead('pairs')).map(({ key, headers }) => `${key} ${headers['cause'] ?? ''}`),
  )
  inconsistent.push(...(await compareRebuilt(platform, folder)), ...checkFiles(folder))

  return {
    acknowledged: [...known.values()].filter(({ state }) => state === 'live').length,
    found: [...known.values()].filter(({ state }) => state === 'live').length - lost.length,
    erased,
    lost,
    duplicated,
    resurrected,
    inconsistent,
  }
}

/** The live part of a catalogue that is folded from the (compacted) log alone. */
async function compareRebuilt({ catalogue, log, blobs }: Platform, folder: string): Promise<string[]> {
  const path = join(folder, 'rebuilt.db')
  const database = openDatabase(path)
  const rebuilt = openCatalogue({ database, blobs })
  const consumer = await rebuilt.follow(log)
  await rebuilt.caughtUp(log)
  await consumer.stop()
  const differences: string[] = []
  if (JSON.stringify([...rebuilt.livePairs()]) !== JSON.stringify([...catalogue.livePairs()]))
    differences.push('other pairs when folded anew')
  if (JSON.stringify(rebuilt.counts()) !== JSON.stringify(catalogue.counts()))
    differences.push('other counts when folded anew')
  if (JSON.stringify(rebuilt.releases()) !== JSON.stringify(catalogue.releases()))
    differences.push('other releases when folded anew')
  if ((dump(database)['pairs'] ?? []).length === 0) differences.push('nothing when folded anew')
  rebuilt.close()
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true })
  return differences
}

function checkFiles(folder: string): string[] {
  const config = crashConfig(folder)
  return ['log.db', 'catalogue.db', join('index', 'vectors.db')]
    .map((name) => join(config.DATA_DIR, name))
    .flatMap((path) => {
      const database = openDatabase(path, { readonly: true })
      const result = database.prepare<{ integrity_check: string }>('PRAGMA integrity_check').all()
      database.close()
      return result.flatMap(({ integrity_check: verdict }) => (verdict === 'ok' ? [] : [`${path}: ${verdict}`]))
    })
}
