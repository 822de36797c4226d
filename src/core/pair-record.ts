import { normaliseCaption } from './caption.ts'
import { AppError, toAppError, type ErrorCode } from './errors.ts'
import type { PairPublished } from './events.ts'
import { imageIdOf, pairIdOf, parsePairKey } from './ids.ts'
import { isImageContentType } from './image-types.ts'
import { requireMetadata, requireSubject } from './pair-fields.ts'
import { partitionOf } from './partition.ts'

type KeyedRecord = {
  readonly key: string
  readonly partition: number
  readonly value: PairPublished | null
  readonly problem: ErrorCode | null
}

/** The most bytes of a picture that a record carries itself: larger ones go to the blob store before it. */
const MAX_CARRIED_BYTES = 900_000

/** The key of a blob that holds an image. */
export const imageBlobKey = (imageId: string): string => `images/${imageId.slice(0, 2)}/${imageId}`

/**
 * Why a record of `pairs` is poison, or null when it can be worked on. All who fold the topic ask here, so that none of them takes
 * a record that another refuses. The bytes of a picture that lies in the blob store are checked by whoever loads them.
 */
export function pairRecordProblem(record: KeyedRecord, partitions: number): AppError | null {
  if (record.problem !== null) return new AppError(record.problem, 'The record cannot be decoded.')
  const ids = parsePairKey(record.key)
  if (ids === null) return new AppError('wrong-id', 'The key is not imageId:pairId, in lower case.')
  const partition = partitionOf(ids.imageId, partitions)
  if (record.partition !== partition) {
    return new AppError(
      'wrong-partition',
      `The image yields partition ${partition}, the record is in ${record.partition}.`,
    )
  }
  if (record.value === null) return null
  return valueProblem(record.value, ids)
}

function valueProblem(pair: PairPublished, ids: { imageId: string; pairId: string }): AppError | null {
  if (pair.imageId !== ids.imageId || pair.pairId !== ids.pairId) {
    return new AppError('wrong-id', 'The ids in the value are not those of the key.')
  }
  if (pair.picture === null && pair.blobKey !== imageBlobKey(pair.imageId)) {
    return new AppError('blob-missing', 'The record has neither a picture nor the key of its blob.')
  }
  if (pair.picture !== null && pair.picture.length > MAX_CARRIED_BYTES) {
    const detail = `The record carries ${pair.picture.length} bytes of a picture; put more than ${MAX_CARRIED_BYTES} into the blob store.`
    return new AppError('image-too-many-bytes', detail)
  }
  if (pair.picture !== null && imageIdOf(pair.picture) !== pair.imageId) {
    return new AppError('wrong-id', 'The image id is not that of the picture.')
  }
  // It is served with the bytes: another could have a browser run what was published as a picture.
  if (!isImageContentType(pair.contentType)) {
    return new AppError('image-type-refused', 'The content type is none of an accepted picture.')
  }
  try {
    requireSubject(pair.subject)
    requireMetadata(pair.metadata)
    const caption = pair.caption === null ? null : normaliseCaption(pair.caption)
    return pairIdOf(pair.imageId, caption, pair.subject) === pair.pairId
      ? null
      : new AppError('wrong-id', 'The pair id is not that of the caption.')
  } catch (error) {
    return toAppError(error)
  }
}
