import type { Catalogue } from '../catalogue/catalogue.ts'
import { splitInSnapshot } from '../core/snapshot.ts'
import { isCounted } from '../core/split.ts'
import type { BlobStore } from '../ports/blob-store.ts'

/** By pair, the models that learned from it: those whose snapshot has it in a set that is learned from. A snapshot that is gone tells nothing any more. */
export async function modelsTrainedOn(
  pairIds: readonly string[],
  {
    catalogue,
    blobs,
  }: { readonly catalogue: Pick<Catalogue, 'models' | 'requests'>; readonly blobs: Pick<BlobStore, 'get'> },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const wanted = new Set(pairIds)
  const found = new Map<string, string[]>()
  const snapshots = new Map(catalogue.requests().map(({ requestId, snapshot }) => [requestId, snapshot]))
  for (const { modelVersion, requestId, outcome } of catalogue.models()) {
    const snapshot = outcome === 'trained' ? snapshots.get(requestId) : undefined
    const bytes = snapshot === undefined ? null : await blobs.get(snapshot)
    if (bytes === null) continue
    for (const pairId of wanted) {
      const split = splitInSnapshot(bytes, pairId)
      if (split !== null && isCounted(split)) found.set(pairId, [...(found.get(pairId) ?? []), modelVersion])
    }
  }
  return found
}
