import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Platform } from '../../../src/bootstrap.ts'
import { openShard } from '../../../src/models/feature-shard.ts'
import type { KnownPair } from './ledger.ts'

/** The images and pairs that are not alive, and whose features the blob store keeps; a shard that cannot be read by its key. */
export async function deadFeatures({ blobs, catalogue }: Platform): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-shards-'))
  const dead = new Set<string>()
  try {
    for await (const { key } of blobs.list('features/')) {
      const bytes = await blobs.get(key)
      if (bytes === null) continue // rewritten since it was listed
      await writeFile(join(folder, 'shard'), bytes)
      const shard = openShard(join(folder, 'shard'))
      for (const id of shard?.ids ?? [key]) if (!catalogue.isLiveImage(id) && !catalogue.isLivePair(id)) dead.add(id)
      shard?.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return [...dead].map((id) => `features of ${id}`)
}

/** The pictures that the blob store keeps and nothing live refers to. */
export async function deadPictures({ blobs, catalogue }: Platform): Promise<string[]> {
  const dead: string[] = []
  for await (const { key } of blobs.list('images/')) {
    if (!catalogue.isLiveImage(key.slice(key.lastIndexOf('/') + 1))) dead.push(`the picture ${key}`)
  }
  return dead
}

/** The erased captions that the points of images still show, in any generation. */
export async function shownCaptions({ index }: Platform, erased: Iterable<KnownPair>): Promise<string[]> {
  const gone = new Map<string, Set<string>>()
  for (const { imageId, caption } of erased) gone.set(imageId, (gone.get(imageId) ?? new Set()).add(caption))
  const shown: string[] = []
  for (const { generation } of await index.generations()) {
    for (const { id, payload } of await index.points(generation, 'images', [...gone.keys()])) {
      const back = payload.captions.filter((caption) => gone.get(id)?.has(caption))
      shown.push(...back.map((caption) => `${generation}: ${id} shows "${caption}"`))
    }
  }
  return shown
}
