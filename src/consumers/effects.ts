import { AppError } from '../core/errors.ts'
import type { PairIndexed } from '../core/events.ts'
import { unlessStopped, withGrace } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog, NewDeadRecord, NewRecord } from '../ports/event-log.ts'
import type { Point, PointKind, Removal, VectorIndex } from '../ports/vector-index.ts'
import { ignoreDropped, waitForGeneration } from './missing-generation.ts'

/** A write that a handler asks for. Every one has a deterministic target, so that applying it twice is applying it once. */
export type Effect =
  | { readonly type: 'blob-put'; readonly key: string; readonly bytes: Uint8Array }
  /** Only while its last put is not after `unlessPutAfter` (milliseconds since the epoch): a publication may have renewed it. */
  | { readonly type: 'blob-delete'; readonly key: string; readonly unlessPutAfter: number }
  | {
      readonly type: 'points-upsert'
      readonly generation: string
      readonly kind: PointKind
      readonly points: readonly Point[]
    }
  | {
      readonly type: 'points-remove'
      readonly generation: string
      readonly kind: PointKind
      readonly removals: readonly Removal[]
    }
  /** What frozen networks gave for images and pairs, by their ids. */
  | { readonly type: 'features-erase'; readonly ids: readonly string[] }
  /** Takes pairs out of what lies on this process' disk for trainings; fails with `not-ready` while that is being written. */
  | { readonly type: 'training-data-erase'; readonly pairIds: readonly string[] }
  /** Removes what lies on this process' disk for the training of a model version. */
  | { readonly type: 'training-data-remove'; readonly modelVersion: string }
  | { readonly type: 'events-append'; readonly records: readonly (NewRecord | NewDeadRecord)[] }
  | { readonly type: 'indexed-announce'; readonly pairs: readonly Omit<PairIndexed, 'indexedAt'>[] }

export type EffectPorts = {
  readonly log: EventLog
  readonly index: VectorIndex
  readonly blobs: BlobStore
  readonly eraseFeatures: (ids: readonly string[]) => Promise<void>
  readonly eraseTrainingData: (pairIds: readonly string[]) => Promise<void>
  readonly removeTrainingData: (modelVersion: string) => Promise<void>
  readonly clock: () => number
  readonly onIndexed?: (pairs: readonly PairIndexed[]) => void
}

/**
 * Applies effects in order; the runner commits the offset only once this resolves. Rejects before the next effect once the partition
 * is another member's (`signal`), who may have written something newer; a mere stop lets them finish, the erasure of features, which may
 * have to fetch all there are first, for some seconds.
 */
export async function applyEffects(
  effects: readonly Effect[],
  ports: EffectPorts,
  signal?: AbortSignal,
): Promise<void> {
  for (const effect of effects) {
    if (signal?.aborted === true && signal.reason instanceof AppError) throw signal.reason
    await applyEffect(effect, ports, signal)
  }
}

async function applyEffect(effect: Effect, ports: EffectPorts, signal: AbortSignal | undefined): Promise<void> {
  switch (effect.type) {
    case 'blob-put':
      await ports.blobs.put(effect.key, effect.bytes)
      break
    case 'blob-delete':
      await ports.blobs.delete(effect.key, effect.unlessPutAfter)
      break
    case 'points-upsert':
      await ports.index.upsert(effect.generation, effect.kind, effect.points).catch(waitForGeneration)
      break
    case 'points-remove':
      await ports.index.remove(effect.generation, effect.kind, effect.removals).catch(ignoreDropped)
      break
    case 'features-erase':
      await inTimeFor(signal, ports.eraseFeatures(effect.ids))
      break
    case 'training-data-erase':
      await ports.eraseTrainingData(effect.pairIds)
      break
    case 'training-data-remove':
      await ports.removeTrainingData(effect.modelVersion)
      break
    case 'events-append':
      await ports.log.append(effect.records)
      break
    case 'indexed-announce':
      await announce(effect.pairs, ports)
      break
    default:
      effect satisfies never
  }
}

const inTimeFor = (signal: AbortSignal | undefined, work: Promise<void>): Promise<void> =>
  signal === undefined ? work : withGrace(signal, (late) => unlessStopped(work, late))

/** The time at which a pair became searchable is known only here, after its points were stored. */
async function announce(pairs: readonly Omit<PairIndexed, 'indexedAt'>[], ports: EffectPorts): Promise<void> {
  if (pairs.length === 0) return
  const indexedAt = ports.clock()
  const indexed = pairs.map((pair) => ({ ...pair, indexedAt }))
  await ports.log.append(indexed.map((value) => ({ topic: 'pairs.indexed', key: value.pairId, value })))
  ports.onIndexed?.(indexed)
}
