import { join } from 'node:path'
import { unlessStopped } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { ImageInput } from '../ports/encoder.ts'
import type { Backbone } from './backbone.ts'
import { openFeatureShards, type FeatureShards } from './feature-shards.ts'
import type { ShardEntry } from './feature-shard.ts'
import { computeFeatures, mapInOrder } from './image-features.ts'
import type { View } from './preprocessing.ts'

/**
 * What backbones gave for pictures, so that retraining and re-embedding never decode a picture twice. Several processes may write: shards
 * are named by their content, and what two of them know of a picture is the same. A killed process loses what was not flushed, which only costs computing it again; damaged files are discarded, never believed.
 */
export type FeatureCache = {
  /**
   * The features of each image under each of `views`, in their order; what is unknown is computed and kept. Images without an id, which
   * no store can know, are computed and touch none. Throws `image-…` errors, and `not-ready` once `signal` is raised: the first call
   * fetches all that is stored, which may take minutes and goes on for the next.
   */
  features(
    images: readonly ImageInput[],
    backbone: Backbone,
    views: readonly View[],
    signal?: AbortSignal,
  ): Promise<Float32Array[][]>
  get(backboneId: string, view: View, imageIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>
  put(backboneId: string, view: View, entries: readonly ShardEntry[]): Promise<void>
  /** Forgets images under all backbones and views, also what is being computed now. */
  erase(imageIds: readonly string[]): Promise<void>
  /**
   * Forgets all images that are not alive: what another process kept of an image that it did not know to be erased. Takes in what other
   * processes have written.
   */
  sweep(): Promise<void>
  /** Takes in what other processes have written, in what this one has used, and forgets who is not alive and not yet written. */
  refresh(): Promise<void>
  flush(): Promise<void>
  /** Flushes and lets the files go; a sweep, or what is fetched meanwhile, is left with the shard in hand. */
  close(): Promise<void>
}

type FeatureCacheOptions = {
  readonly blobs: BlobStore
  /** For the disposable local copy. */
  readonly folder: string
  /** Default 1,024. */
  readonly rowsPerShard?: number
  /** Asked before features are kept and before they are written, for an image may be erased meanwhile. Default: all may be kept. */
  readonly isLive?: (imageId: string) => boolean
}

const ROOT = 'features'

export function createFeatureCache(options: FeatureCacheOptions): FeatureCache {
  const { blobs, folder, rowsPerShard = 1024, isLive = () => true } = options
  const sets = new Map<string, Promise<FeatureShards>>()
  /** When an image was erased, counted in erasures: what began to be computed before is not kept. */
  const erasedAt = new Map<string, number>()
  let erasures = 0
  const closing = new AbortController()

  function setOf(backboneId: string, view: string): Promise<FeatureShards> {
    const name = `${backboneId}/${view}`
    const known = sets.get(name)
    if (known !== undefined) return known
    const opened = openFeatureShards({
      blobs,
      prefix: `${ROOT}/${name}`,
      folder: join(folder, backboneId, view),
      rowsPerShard,
      isLive,
      signal: closing.signal,
    })
    sets.set(name, opened)
    opened.catch(() => sets.delete(name)) // the next caller tries again
    return opened
  }

  /** All sets that are stored, also those that this process has not used yet. */
  async function everySet(): Promise<readonly FeatureShards[]> {
    for await (const { key } of blobs.list(`${ROOT}/`)) {
      const [, backboneId = '', view = ''] = key.split('/')
      await setOf(backboneId, view)
    }
    return Promise.all(sets.values())
  }

  async function features(
    images: readonly ImageInput[],
    backbone: Backbone,
    views: readonly View[],
    signal?: AbortSignal,
  ): Promise<Float32Array[][]> {
    const began = erasures
    const imageIds = images.flatMap(({ imageId }) => imageId ?? [])
    const known = new Map<View, ReadonlyMap<string, Float32Array>>()
    // Opening a set fetches all that is stored of it: only for who may be in it.
    if (imageIds.length > 0) {
      for (const view of views) known.set(view, await unlessStopped(cache.get(backbone.id, view, imageIds), signal))
    }

    const featuresOf = async (image: ImageInput): Promise<Float32Array[]> => {
      const { imageId } = image
      const found = (view: View) => (imageId === null ? undefined : known.get(view)?.get(imageId))
      const missing = views.filter((view) => found(view) === undefined)
      const [computed = []] = missing.length === 0 ? [] : await computeFeatures([image], backbone, missing, signal)
      if (imageId !== null && (erasedAt.get(imageId) ?? 0) <= began && isLive(imageId)) {
        for (const [index, values] of computed.entries())
          await unlessStopped(cache.put(backbone.id, missing[index] ?? 'plain', [[imageId, values]]), signal)
      }
      return views.map((view) => found(view) ?? computed[missing.indexOf(view)] ?? new Float32Array())
    }
    return mapInOrder(images, featuresOf)
  }

  const cache: FeatureCache = {
    features,
    get: async (backboneId, view, imageIds) => (await setOf(backboneId, view)).get(imageIds),
    put: async (backboneId, view, entries) => (await setOf(backboneId, view)).put(entries),
    async erase(imageIds) {
      erasures++
      for (const imageId of imageIds) erasedAt.set(imageId, erasures)
      const erased = new Set(imageIds)
      for (const set of await everySet()) await set.erase((imageId) => erased.has(imageId))
    },
    async sweep() {
      for (const set of await everySet()) await set.erase((imageId) => !isLive(imageId))
    },
    async refresh() {
      for (const set of await Promise.all(sets.values())) await set.refresh()
    },
    async flush() {
      for (const set of await Promise.all(sets.values())) await set.flush()
    },
    async close() {
      closing.abort()
      // A set that is being opened, which may fetch all that is stored of it, has nothing to write.
      const outcomes = await Promise.allSettled(sets.values())
      const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      for (const set of opened) await set.flush()
      for (const set of opened) set.close()
      sets.clear()
    },
  }
  return cache
}
