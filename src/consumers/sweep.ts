import type { Catalogue } from '../catalogue/catalogue.ts'
import { requireGoing } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import { pointKinds, type PointKind, type Removal, type VectorIndex } from '../ports/vector-index.ts'
import type { Effect } from './effects.ts'
import { ignoreDropped } from './missing-generation.ts'

export type SweepDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly index: VectorIndex
  readonly blobs: BlobStore
  /** A blob without a live pair is kept this long after its last put: its record may still be on the way. */
  readonly blobGrace: number
  readonly clock: () => number
}

/** Ids that are looked at and removed in one go: few enough that nothing waits for a sweep, and nothing comes back meanwhile. */
const PAGE = 256

export async function* pagesOf<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<readonly T[]> {
  let page: T[] = []
  for await (const item of items) {
    if (page.push(item) < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

function withoutLife(catalogue: Catalogue, kind: PointKind, ids: readonly string[]): readonly string[] {
  const live = catalogue.liveAmong(kind, ids)
  return ids.filter((id) => !live.has(id))
}

/**
 * The ids that nothing live stands for. Another process may have written them from a catalogue that is ahead of this one, so none is
 * taken for dead before this one has folded what the log held after they were seen.
 */
async function deadAmong(
  { catalogue, log }: Pick<SweepDependencies, 'catalogue' | 'log'>,
  kind: PointKind,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  requireGoing(signal)
  if (withoutLife(catalogue, kind, ids).length === 0) return []
  await catalogue.caughtUp(log, signal)
  return withoutLife(catalogue, kind, ids)
}

/**
 * The points as they are now: each as a removal that spares what is written of it from later records. Ask before the catalogue is
 * asked which are dead. Whatever comes back after that comes back by a later record of the same partition, and however late the removal
 * then arrives, it takes only what was seen here, or older. A log that was begun anew makes no difference: it is the point that is asked.
 */
async function seenAmong(
  index: VectorIndex,
  generation: string,
  kind: PointKind,
  ids: readonly string[],
): Promise<Removal[]> {
  const payloads = await index.payloads(generation, kind, ids)
  return [...payloads].map(([id, { offset }]) => ({ id, upTo: offset }))
}

async function removalOf(
  deps: Pick<SweepDependencies, 'catalogue' | 'log'>,
  generation: string,
  kind: PointKind,
  seen: readonly Removal[],
  signal: AbortSignal | undefined,
): Promise<Effect[]> {
  const ids = seen.map(({ id }) => id)
  const dead = new Set(await deadAmong(deps, kind, ids, signal))
  const removals = seen.filter(({ id }) => dead.has(id))
  return removals.length === 0 ? [] : [{ type: 'points-remove', generation, kind, removals }]
}

/**
 * The generations that the log has named, live or not: a server may hold those of other logs, and collections of other programs whose
 * names are alike, and whatever this log does not know of them would be taken for dead.
 */
export async function ownGenerations({
  catalogue,
  index,
}: Pick<SweepDependencies, 'catalogue' | 'index'>): Promise<readonly string[]> {
  const named = new Set(catalogue.releases().map(({ generation }) => generation))
  return (await index.generations()).map(({ generation }) => generation).filter((generation) => named.has(generation))
}

/**
 * The points in any generation of this log that no live pair or image stands for, as effects that remove them, whenever they are applied. Throws
 * `not-ready` between two batches once `signal` is raised, as the other sweeps do.
 */
export async function* sweepIndex(
  deps: Pick<SweepDependencies, 'catalogue' | 'log' | 'index'>,
  signal?: AbortSignal,
): AsyncGenerator<readonly Effect[]> {
  for (const generation of await ownGenerations(deps)) {
    for (const kind of pointKinds) {
      try {
        for await (const ids of pagesOf(deps.index.ids(generation, kind))) {
          const suspects = withoutLife(deps.catalogue, kind, ids)
          if (suspects.length === 0) continue
          requireGoing(signal)
          const seen = new Map((await seenAmong(deps.index, generation, kind, suspects)).map((each) => [each.id, each]))
          // What is listed but is no point of ours has no offset.
          const held = suspects.map((id) => seen.get(id) ?? { id, upTo: -1 })
          const removal = await removalOf(deps, generation, kind, held, signal)
          if (removal.length > 0) yield removal
        }
      } catch (error) {
        ignoreDropped(error)
      }
    }
  }
}

/** The points that any generation of this log still holds of what was erased, as effects that remove them: the sweep for exactly these ids. */
export async function sweepErased(
  deps: Pick<SweepDependencies, 'catalogue' | 'log' | 'index'>,
  erased: Readonly<Record<PointKind, readonly string[]>>,
  signal?: AbortSignal,
): Promise<Effect[]> {
  const held: { readonly generation: string; readonly kind: PointKind; readonly seen: readonly Removal[] }[] = []
  for (const generation of await ownGenerations(deps)) {
    for (const kind of pointKinds) {
      requireGoing(signal)
      const seen = await seenAmong(deps.index, generation, kind, erased[kind]).catch(ignoreDropped)
      held.push({ generation, kind, seen: seen ?? [] })
    }
  }
  const removals: Effect[] = []
  for (const { generation, kind, seen } of held)
    removals.push(...(await removalOf(deps, generation, kind, seen, signal)))
  return removals
}

/** The effect that deletes an image's blob, unless it was put within the grace or is put again meanwhile. */
export function blobRemoval({ key, putAt }: { key: string; putAt: number }, deps: SweepDependencies): Effect[] {
  const unlessPutAfter = deps.clock() - deps.blobGrace
  return putAt <= unlessPutAfter ? [{ type: 'blob-delete', key, unlessPutAfter }] : []
}

const imageIdOf = ({ key }: { readonly key: string }): string => key.slice(key.lastIndexOf('/') + 1)

/** The blobs of pictures that no live pair refers to, as effects that delete them. */
export async function sweepBlobs(deps: SweepDependencies, signal?: AbortSignal): Promise<Effect[]> {
  const effects: Effect[] = []
  for await (const blobs of pagesOf(deps.blobs.list('images/'))) {
    const dead = new Set(await deadAmong(deps, 'images', blobs.map(imageIdOf), signal))
    for (const blob of blobs) if (dead.has(imageIdOf(blob))) effects.push(...blobRemoval(blob, deps))
  }
  return effects
}
