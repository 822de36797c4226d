import { describe, expect, it } from 'vitest'
import type { PairPublished } from '../../src/core/events.ts'
import { imageIdOf, pairIdOf, pairKey } from '../../src/core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../../src/core/pair-record.ts'
import { partitionOf } from '../../src/core/partition.ts'
import { pairEvent } from '../fixtures/pair-events.ts'

const PARTITIONS = 12
const good = pairEvent('one', 'a dog')
const other = pairEvent('two', 'a dog')
const partition = partitionOf(good.imageId, PARTITIONS)

const problemOf = (
  value: PairPublished | null,
  changes: { key?: string; partition?: number; problem?: 'record-unreadable' } = {},
) =>
  pairRecordProblem(
    { key: pairKey(good.imageId, good.pairId), partition, value, problem: null, ...changes },
    PARTITIONS,
  )?.code ?? null

describe('a record of pairs', () => {
  it('is taken with its picture, with the key of its blob, without a caption, and as a tombstone', () => {
    expect(problemOf(good)).toBeNull()
    expect(problemOf({ ...good, picture: null, blobKey: imageBlobKey(good.imageId) })).toBeNull()
    const bare = pairEvent('one', null)
    expect(problemOf(bare, { key: pairKey(bare.imageId, bare.pairId) })).toBeNull()
    expect(problemOf(null)).toBeNull()
  })

  it('has an id that its content yields, the caption normalised', () => {
    expect(problemOf({ ...good, caption: ' a\tdog ' })).toBeNull()
    expect(problemOf({ ...good, caption: 'a cat' })).toBe('wrong-id')
    expect(problemOf({ ...good, subject: 'someone' })).toBe('wrong-id')
    const pairId = pairIdOf(good.imageId, 'a dog', 'someone')
    expect(problemOf({ ...good, subject: 'someone', pairId }, { key: pairKey(good.imageId, pairId) })).toBeNull()
    expect(problemOf({ ...good, picture: other.picture })).toBe('wrong-id')
    expect(problemOf({ ...good, imageId: other.imageId })).toBe('wrong-id')
    expect(problemOf({ ...good, pairId: other.pairId })).toBe('wrong-id')
  })

  it('is poison under another key or in another partition, a tombstone too', () => {
    for (const value of [good, null]) {
      for (const key of [
        '',
        'nonsense',
        good.imageId,
        `${good.imageId}:`,
        `${good.imageId}:${good.pairId}:more`,
        `x:${good.pairId}`,
      ]) {
        expect(problemOf(value, { key })).toBe('wrong-id')
      }
      expect(problemOf(value, { partition: (partition + 1) % PARTITIONS })).toBe('wrong-partition')
    }
  })

  it('is poison when it cannot be read, has no picture or no valid caption', () => {
    expect(problemOf(null, { problem: 'record-unreadable' })).toBe('record-unreadable')
    expect(problemOf({ ...good, picture: null })).toBe('blob-missing')
    expect(problemOf({ ...good, picture: null, blobKey: imageBlobKey(other.imageId) })).toBe('blob-missing')
    expect(problemOf({ ...good, caption: '' })).toBe('caption-empty')
    expect(problemOf({ ...good, caption: 'x'.repeat(100_000) })).toBe('caption-too-long')
    expect(problemOf({ ...good, caption: '\ufffd' })).toBe('text-not-utf8')
  })

  it('carries up to 900,000 bytes of a picture', () => {
    const carrying = (bytes: number) => {
      const picture = new Uint8Array(bytes)
      const imageId = imageIdOf(picture)
      const pair = { ...good, picture, imageId, pairId: pairIdOf(imageId, 'a dog') }
      return problemOf(pair, { key: pairKey(imageId, pair.pairId), partition: partitionOf(imageId, PARTITIONS) })
    }
    expect(carrying(900_000)).toBeNull()
    expect(carrying(900_001)).toBe('image-too-many-bytes')
  })

  it('has the content type of an accepted picture, written without anything else', () => {
    for (const type of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'])
      expect(problemOf({ ...good, contentType: `image/${type}` })).toBeNull()
    const others = [
      '',
      'text/html',
      'text/javascript',
      'image/svg+xml',
      'image/jpg',
      'IMAGE/PNG',
      'image/png; x=y',
      'image/png\r\nx-header: y',
    ]
    for (const contentType of others) expect(problemOf({ ...good, contentType })).toBe('image-type-refused')
  })

  it('names its subject and its metadata within the limits that hold for all who publish', () => {
    const about = (subject: string) => {
      const pairId = pairIdOf(good.imageId, 'a dog', subject)
      return problemOf({ ...good, subject, pairId }, { key: pairKey(good.imageId, pairId) })
    }
    expect(about('s'.repeat(256))).toBeNull()
    expect(about('s'.repeat(257))).toBe('metadata-invalid')
    expect(about('')).toBe('metadata-invalid')

    const numbered = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`name ${at}`, '']))
    const withMetadata = (metadata: Readonly<Record<string, string>>) => problemOf({ ...good, metadata })
    expect(withMetadata(numbered(64))).toBeNull()
    expect(withMetadata(numbered(65))).toBe('metadata-invalid')
    expect(withMetadata({ ['n'.repeat(64)]: 'v'.repeat(4_096) })).toBeNull()
    expect(withMetadata({ ['n'.repeat(65)]: '' })).toBe('metadata-invalid')
    expect(withMetadata({ name: 'v'.repeat(4_097) })).toBe('metadata-invalid')
    expect(withMetadata({ '': 'value' })).toBe('metadata-invalid')
  })
})
