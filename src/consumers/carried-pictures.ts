import type { Catalogue } from '../catalogue/catalogue.ts'
import { imageBlobKey } from '../core/pair-record.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Effect } from './effects.ts'

/** Pictures that records carry as bytes and that are still alive, by image. The records are folded and no poison. */
export function carriedPictures(
  records: readonly LogRecord<'pairs'>[],
  catalogue: Catalogue,
): ReadonlyMap<string, Uint8Array> {
  const carried = new Map<string, Uint8Array>()
  for (const { value } of records) {
    if (value?.picture != null && catalogue.isLiveImage(value.imageId)) carried.set(value.imageId, value.picture)
  }
  return carried
}

/** The effects that move them to the blob store, before the records are committed. */
export const storePictures = (carried: ReadonlyMap<string, Uint8Array>): Effect[] =>
  [...carried].map(([imageId, bytes]) => ({ type: 'blob-put', key: imageBlobKey(imageId), bytes }))
