import { join } from 'node:path'
import { requireGoing, unlessStopped } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { ImageInput } from '../ports/encoder.ts'
import type { Backbone } from './backbone.ts'
import { openFeatureShards, type FeatureShards } from './feature-shards.ts'
import type { ShardEntry } from './feature-shard.ts'
import { computeFeatures, mapInOrder } from './image-features.ts'
import type { View } from './views.ts'
import type { SentenceEncoder } from './pretrained/sentence-encoder.ts'

/**
 * What frozen networks gave: backbones for pictures, by imageId, and sentence encoders for captions, by pairId, so that retraining and
 * re-embedding never decode a picture nor read a caption twice. Several processes may write: shards are named by their content, and what
 * two of them know of an image or a pair is the same. A killed process loses what was not flushed, which only costs computing it again; damaged files are discarded, never believed.
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
  /**
   * The embedding of each caption by a sentence encoder, in their order; what is unknown is computed and kept. Throws `not-ready` once
   * `signal` is raised, as `features` does.
   */
  sentences(
    captions: readonly OwnedCaption[],
    encoder: Pick<SentenceEncoder, 'id' | 'encode'>,
    signal?: AbortSignal,
  ): Promise<Float32Array[]>
  get(networkId: string, view: FeatureView, ids: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>
  put(networkId: string, view: FeatureView, entries: readonly ShardEntry[]): Promise<void>
  /** Forgets images and pairs under all networks and views, also what is being computed now. */
  erase(ids: readonly string[]): Promise<void>
  /**
   * Forgets all images and pairs that are not alive: what another process kept of one that it did not know to be erased. Takes in what
   * other processes have written.
   */
  sweep(): Promise<void>
  /** Takes in what other processes have written, in what this one has used, and forgets who is not alive and not yet written. */
  refresh(): Promise<void>
  flush(): Promise<void>
  /** Flushes and lets the files go; a sweep, or what is fetched meanwhile, is left with the shard in hand. */
  close(): Promise<void>
}

/** A caption, normalised, and the pair that it belongs to. */
export type OwnedCaption = { readonly pairId: string; readonly caption: string }

/** What a network was shown: a picture one way or the other, or a caption. */
type FeatureView = View | 'caption'

type FeatureCacheOptions = {
  readonly blobs: BlobStore
  /** For the disposable local copy. */
  readonly folder: string
  /** Default 1,024. */
  readonly rowsPerShard?: number
  /** Asked of an image or a pair before its features are kept and before they are written: it may be erased meanwhile. Default: all may be kept. */
  readonly isLive?: (id: string) => boolean
}

const ROOT = 'features'
/** Captions between two looks at whether to stop: whoever else asks the encoder waits for so many at most. */
const CAPTIONS_AT_ONCE = 32

export function createFeatureCache(options: FeatureCacheOptions): FeatureCache {
  const { blobs, folder, rowsPerShard = 1024, isLive = () => true } = options
  const sets = new Map<string, Promise<FeatureShards>>()
  /** When an image or a pair was erased, counted in erasures: what began to be computed before is not kept. */
  const erasedAt = new Map<string, number>()
  let erasures = 0
  const closing = new AbortController()

  function setOf(networkId: string, view: string): Promise<FeatureShards> {
    const name = `${networkId}/${view}`
    const known = sets.get(name)
    if (known !== undefined) return known
    const opened = openFeatureShards({
      blobs,
      prefix: `${ROOT}/${name}`,
      folder: join(folder, networkId, view),
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
      const [, networkId = '', view = ''] = key.split('/')
      await setOf(networkId, view)
    }
    return Promise.all(sets.values())
  }

  /** Whether what began to be computed after so many erasures may be kept. */
  const mayKeep = (id: string, began: number): boolean => (erasedAt.get(id) ?? 0) <= began && isLive(id)

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
      if (imageId !== null && mayKeep(imageId, began)) {
        for (const [index, values] of computed.entries())
          await unlessStopped(cache.put(backbone.id, missing[index] ?? 'plain', [[imageId, values]]), signal)
      }
      return views.map((view) => found(view) ?? computed[missing.indexOf(view)] ?? new Float32Array())
    }
    return mapInOrder(images, featuresOf)
  }

  async function sentences(
    captions: readonly OwnedCaption[],
    encoder: Pick<SentenceEncoder, 'id' | 'encode'>,
    signal?: AbortSignal,
  ): Promise<Float32Array[]> {
    if (captions.length === 0) return []
    const began = erasures
    const pairIds = captions.map(({ pairId }) => pairId)
    const known = new Map(await unlessStopped(cache.get(encoder.id, 'caption', pairIds), signal))
    const missing = captions.filter(({ pairId }) => !known.has(pairId))
    for (let at = 0; at < missing.length; at += CAPTIONS_AT_ONCE) {
      requireGoing(signal)
      const slice = missing.slice(at, at + CAPTIONS_AT_ONCE)
      const embedded = await encoder.encode(slice.map(({ caption }) => caption))
      const computed = slice.map(({ pairId }, i): ShardEntry => [pairId, embedded[i] ?? new Float32Array()])
      for (const [pairId, values] of computed) known.set(pairId, values)
      const kept = computed.filter(([pairId]) => mayKeep(pairId, began))
      await unlessStopped(cache.put(encoder.id, 'caption', kept), signal)
    }
    return pairIds.map((pairId) => known.get(pairId) ?? new Float32Array())
  }

  const cache: FeatureCache = {
    features,
    sentences,
    get: async (networkId, view, ids) => (await setOf(networkId, view)).get(ids),
    put: async (networkId, view, entries) => (await setOf(networkId, view)).put(entries),
    async erase(ids) {
      erasures++
      for (const id of ids) erasedAt.set(id, erasures)
      const erased = new Set(ids)
      for (const set of await everySet()) await set.erase((id) => erased.has(id))
    },
    async sweep() {
      for (const set of await everySet()) await set.erase((id) => !isLive(id))
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
