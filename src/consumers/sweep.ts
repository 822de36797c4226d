import type { Catalogue } from '../catalogue/catalogue.ts'
import { toAppError } from '../core/errors.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import { pointKinds, type PointKind, type VectorIndex } from '../ports/vector-index.ts'
import type { Effect } from './effects.ts'

export type SweepDependencies = {
  readonly catalogue: Catalogue
  readonly index: VectorIndex
  readonly blobs: BlobStore
  /** A blob without a live pair is kept this long after its last put: its record may still be on the way. */
  readonly blobGrace: number
  readonly clock: () => number
}

type Orphans = { readonly generation: string; readonly kind: PointKind; readonly ids: readonly string[] }

async function collect(ids: AsyncIterable<string>, isWanted: (id: string) => boolean): Promise<string[]> {
  const wanted: string[] = []
  for await (const id of ids) if (isWanted(id)) wanted.push(id)
  return wanted
}

/** The points in any generation that no live pair or image stands for, as effects that remove them. */
export async function sweepIndex({ catalogue, index }: SweepDependencies): Promise<Effect[]> {
  const isLive: Record<PointKind, (id: string) => boolean> = {
    images: catalogue.isLiveImage,
    captions: catalogue.isLivePair,
  }
  const suspects: Orphans[] = []
  for (const { generation } of await index.generations()) {
    for (const kind of pointKinds) {
      const ids = await collect(index.ids(generation, kind), (id) => !isLive[kind](id)).catch(nothingWhereDropped)
      suspects.push({ generation, kind, ids })
    }
  }
  // The walk took a while, in which some may have come back: what is looked at now is removed at once.
  return suspects.flatMap(({ generation, kind, ids }): Effect[] => {
    const orphans = ids.filter((id) => !isLive[kind](id))
    return orphans.length === 0 ? [] : [{ type: 'points-remove', generation, kind, ids: orphans }]
  })
}

/** A generation may be deleted while it is walked. */
function nothingWhereDropped(error: unknown): string[] {
  if (toAppError(error).code !== 'generation-not-found') throw error
  return []
}

/** The effect that deletes an image's blob, unless it was put within the grace or is put again meanwhile. */
export function blobRemoval({ key, putAt }: { key: string; putAt: number }, deps: SweepDependencies): Effect[] {
  const unlessPutAfter = deps.clock() - deps.blobGrace
  return putAt <= unlessPutAfter ? [{ type: 'blob-delete', key, unlessPutAfter }] : []
}

/** The blobs of pictures that no live pair refers to, as effects that delete them. */
export async function sweepBlobs(deps: SweepDependencies): Promise<Effect[]> {
  const effects: Effect[] = []
  for await (const blob of deps.blobs.list('images/')) {
    const imageId = blob.key.slice(blob.key.lastIndexOf('/') + 1)
    if (!deps.catalogue.isLiveImage(imageId)) effects.push(...blobRemoval(blob, deps))
  }
  return effects
}
