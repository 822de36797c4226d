import { createAvroCodec } from '../../src/adapters/event-log/avro-codec.ts'
import { normaliseCaption } from '../../src/core/caption.ts'
import { imageIdOf, pairIdOf, pairKey } from '../../src/core/ids.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import type { NewRecord } from '../../src/ports/event-log.ts'
import type { BenchPicture } from './pictures.ts'

/** A record for the log, and the bytes of its value for the peer. */
export type MeasuredRecord = { readonly record: NewRecord<'pairs'>; readonly bytes: Uint8Array }

/**
 * `count` records of `pairs` from real pictures and captions, all different; with the picture inside (`carried`) or as the key of its
 * blob.
 */
export function pairRecords(pictures: readonly BenchPicture[], count: number, carried: boolean): MeasuredRecord[] {
  const codec = createAvroCodec()
  const captioned = pictures.flatMap(({ bytes, captions, name }) =>
    captions.map((caption) => ({ bytes, caption, name, imageId: imageIdOf(bytes) })),
  )
  return Array.from({ length: count }, (_, number) => {
    const item = captioned[number % captioned.length]
    if (item === undefined) throw new Error('There are no captions to make records of.')
    const { bytes, name, imageId } = item
    // The subject is part of a pair's id: one caption yields as many pairs as there are subjects.
    const subject = `subject-${Math.floor(number / captioned.length)}`
    const pairId = pairIdOf(imageId, normaliseCaption(item.caption), subject)
    const value = {
      imageId,
      pairId,
      caption: item.caption,
      subject,
      picture: carried ? bytes : null,
      blobKey: carried ? null : imageBlobKey(imageId),
      contentType: 'image/jpeg',
      width: 224,
      height: 224,
      perceptualHash: null,
      split: 'train' as const,
      source: name,
      metadata: {},
      publishedAt: number,
    }
    return {
      record: { topic: 'pairs' as const, key: pairKey(imageId, pairId), value },
      bytes: codec.encode('pairs', value),
    }
  })
}
