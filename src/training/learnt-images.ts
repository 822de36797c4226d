import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { readSnapshot } from '../core/snapshot.ts'
import { isCounted } from '../core/split.ts'
import { requireGoing, unlessStopped } from '../core/stop.ts'
import type { Backbone } from '../models/backbone.ts'
import type { FeatureCache } from '../models/feature-cache.ts'
import type { View } from '../models/views.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Fold, TrainingImage } from './training-data.ts'

const IMAGES_AT_ONCE = 64

type LearntPair = Pick<LivePair, 'pairId' | 'caption'>

/** An image of a snapshot that is learned from, with its captions. */
export type LearntImage = { readonly imageId: string; readonly splitKey: string; readonly pairs: LearntPair[] }

/**
 * The images of the snapshot's counted pairs, in the order of their ids, which is part of the training's outcome; none that is held
 * out for validation, for fresh or for test. Throws `snapshot-incomplete` where the snapshot is gone.
 */
export async function learntImages(
  snapshot: string,
  { blobs, catalogue }: { readonly blobs: Pick<BlobStore, 'get'>; readonly catalogue: Pick<Catalogue, 'livePairs'> },
): Promise<LearntImage[]> {
  const bytes = await blobs.get(snapshot)
  if (bytes === null) throw new AppError('snapshot-incomplete', `The snapshot ${snapshot} is gone.`)
  const inSnapshot = new Set(readSnapshot(bytes).flatMap(({ pairId, split }) => (isCounted(split) ? [pairId] : [])))
  const images = new Map<string, LearntImage>()
  for (const pair of catalogue.livePairs()) {
    if (inSnapshot.has(pair.pairId) && isCounted(pair.split)) addPair(images, pair)
  }
  return [...images.values()].sort((a, b) => (a.imageId < b.imageId ? -1 : 1))
}

/** All captions of the images together. */
export const countExamples = (images: readonly LearntImage[]): number =>
  images.reduce((sum, { pairs }) => sum + pairs.length, 0)

export type FeatureDependencies = {
  readonly catalogue: Pick<Catalogue, 'isLiveImage' | 'isLivePair'>
  readonly features: Pick<FeatureCache, 'features' | 'refresh' | 'flush'>
  readonly bytesOf: (imageId: string) => Promise<Uint8Array>
}

type Reading = {
  readonly backbone: Backbone
  readonly views: readonly View[]
  /** The fold of an image, by its split key, which near-duplicates share. */
  readonly foldOf: (splitKey: string) => Fold
  readonly onFeatures?: ((done: number, total: number) => void) | undefined
  readonly signal: AbortSignal
}

/** An image to learn from, and what decides on its folds. */
export type KeyedTrainingImage = TrainingImage & { readonly splitKey: string }

/**
 * The images with their features, in their order. What is erased meanwhile is left out, captions and pictures; nothing else is. Throws
 * `not-ready` once the signal is raised.
 */
export async function* withFeatures(
  images: readonly LearntImage[],
  reading: Reading,
  deps: FeatureDependencies,
): AsyncIterable<KeyedTrainingImage> {
  const { onFeatures, signal } = reading
  await unlessStopped(deps.features.refresh(), signal)
  for (let at = 0; at < images.length; at += IMAGES_AT_ONCE) {
    requireGoing(signal)
    const slice = images.slice(at, at + IMAGES_AT_ONCE)
    yield* await learntFrom(slice, reading, deps)
    onFeatures?.(at + slice.length, images.length)
  }
  await unlessStopped(deps.features.flush(), signal)
}

async function learntFrom(
  images: readonly LearntImage[],
  reading: Reading,
  deps: FeatureDependencies,
): Promise<KeyedTrainingImage[]> {
  const { catalogue } = deps
  const { backbone, views, foldOf, signal } = reading
  const live = images.filter(({ imageId }) => catalogue.isLiveImage(imageId))
  const inputs = live.map(({ imageId }) => ({ imageId, bytes: () => deps.bytesOf(imageId) }))
  try {
    const features = await deps.features.features(inputs, backbone, views, signal)
    return live.flatMap((image, i): KeyedTrainingImage[] => {
      const pairs = image.pairs.filter(({ pairId }) => catalogue.isLivePair(pairId))
      const captions = pairs.map(({ caption }) => caption)
      const pairIds = pairs.map(({ pairId }) => pairId)
      const { splitKey } = image
      return pairs.length === 0
        ? []
        : [{ views: features[i] ?? [], captions, pairIds, fold: foldOf(splitKey), splitKey }]
    })
  } catch (error) {
    const { code } = toAppError(error)
    if (code !== 'blob-missing' && !code.startsWith('image-')) throw error
    if (images.length === 1) return []
    const found: KeyedTrainingImage[] = []
    for (const image of images) found.push(...(await learntFrom([image], reading, deps)))
    return found
  }
}

function addPair(images: Map<string, LearntImage>, { imageId, splitKey, pairId, caption }: LivePair): void {
  const known = images.get(imageId)
  if (known === undefined) images.set(imageId, { imageId, splitKey, pairs: [{ pairId, caption }] })
  else known.pairs.push({ pairId, caption })
}
