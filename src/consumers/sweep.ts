import type { Catalogue } from '../catalogue/catalogue.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import type { Effect } from './effects.ts'

export type SweepDependencies = {
  readonly catalogue: Catalogue
  readonly index: VectorIndex
  readonly blobs: BlobStore
  /** A blob without a live pair is kept this long after its last put: its record may still be on the way. */
  readonly blobGrace: number
  readonly clock: () => number
}

/** The points in any generation that no live pair or image stands for, as effects that remove them. */
export async function sweepIndex({ catalogue, index }: SweepDependencies): Promise<Effect[]> {
  const effects: Effect[] = []
  for (const { generation } of await index.generations()) {
    const images: string[] = []
    for await (const id of index.ids(generation, 'images')) if (catalogue.image(id) === null) images.push(id)
    const captions: string[] = []
    for await (const id of index.ids(generation, 'captions')) if (catalogue.pair(id)?.erased !== false) captions.push(id)
    if (images.length > 0) effects.push({ type: 'points-remove', generation, kind: 'images', ids: images })
    if (captions.length > 0) effects.push({ type: 'points-remove', generation, kind: 'captions', ids: captions })
  }
  return effects
}

/** The blobs of pictures that no live pair refers to, as effects that delete them. */
export async function sweepBlobs({ catalogue, blobs, blobGrace, clock }: SweepDependencies): Promise<Effect[]> {
  const effects: Effect[] = []
  for await (const { key, putAt } of blobs.list('images/')) {
    const imageId = key.slice(key.lastIndexOf('/') + 1)
    if (catalogue.image(imageId) === null && clock() - putAt >= blobGrace) effects.push({ type: 'blob-delete', key })
  }
  return effects
}
