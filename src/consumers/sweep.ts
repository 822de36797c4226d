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

/** Ids that are looked at and removed in one go: few enough that nothing waits for a sweep, and nothing comes back meanwhile. */
const PAGE = 256

async function* pagesOf<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let page: T[] = []
  for await (const item of items) {
    if (page.push(item) < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

function removalOf(
  { catalogue }: Pick<SweepDependencies, 'catalogue'>,
  generation: string,
  kind: PointKind,
  suspects: readonly string[],
): Effect[] {
  const live = catalogue.liveAmong(kind, suspects)
  const ids = suspects.filter((id) => !live.has(id))
  return ids.length === 0 ? [] : [{ type: 'points-remove', generation, kind, ids }]
}

/**
 * The points in any generation that no live pair or image stands for, as effects that remove them. Apply each batch before taking
 * the next: what was dead when it was looked at may come back, and its new point must not go.
 */
export async function* sweepIndex(
  deps: Pick<SweepDependencies, 'catalogue' | 'index'>,
): AsyncGenerator<readonly Effect[]> {
  for (const { generation } of await deps.index.generations()) {
    for (const kind of pointKinds) {
      try {
        for await (const ids of pagesOf(deps.index.ids(generation, kind))) {
          const removal = removalOf(deps, generation, kind, ids)
          if (removal.length > 0) yield removal
        }
      } catch (error) {
        ignoreDropped(error)
      }
    }
  }
}

/** The points that any generation still holds of what was erased, as effects that remove them: the sweep for exactly these ids. */
export async function sweepErased(
  deps: Pick<SweepDependencies, 'catalogue' | 'index'>,
  erased: Readonly<Record<PointKind, readonly string[]>>,
): Promise<Effect[]> {
  const held: { readonly generation: string; readonly kind: PointKind; readonly ids: readonly string[] }[] = []
  for (const { generation } of await deps.index.generations()) {
    for (const kind of pointKinds) {
      const points = await deps.index.points(generation, kind, erased[kind]).catch(ignoreDropped)
      held.push({ generation, kind, ids: (points ?? []).map(({ id }) => id) })
    }
  }
  // The catalogue is asked last, as close to the removal as can be.
  return held.flatMap(({ generation, kind, ids }) => removalOf(deps, generation, kind, ids))
}

/** A generation may be deleted while it is looked at. */
function ignoreDropped(error: unknown): undefined {
  if (toAppError(error).code !== 'generation-not-found') throw error
}

/** The effect that deletes an image's blob, unless it was put within the grace or is put again meanwhile. */
export function blobRemoval({ key, putAt }: { key: string; putAt: number }, deps: SweepDependencies): Effect[] {
  const unlessPutAfter = deps.clock() - deps.blobGrace
  return putAt <= unlessPutAfter ? [{ type: 'blob-delete', key, unlessPutAfter }] : []
}

const imageIdOf = ({ key }: { readonly key: string }): string => key.slice(key.lastIndexOf('/') + 1)

/** The blobs of pictures that no live pair refers to, as effects that delete them. */
export async function sweepBlobs(deps: SweepDependencies): Promise<Effect[]> {
  const effects: Effect[] = []
  for await (const blobs of pagesOf(deps.blobs.list('images/'))) {
    const live = deps.catalogue.liveAmong('images', blobs.map(imageIdOf))
    for (const blob of blobs) if (!live.has(imageIdOf(blob))) effects.push(...blobRemoval(blob, deps))
  }
  return effects
}
