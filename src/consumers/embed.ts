import type { Catalogue, CatalogueImage, CataloguePair } from '../catalogue/catalogue.ts'
import { embedGroup } from '../core/consumer-groups.ts'
import { AppError } from '../core/errors.ts'
import { imageIdOf, parsePairKey } from '../core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../core/pair-record.ts'
import { withGrace } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { LogRecord } from '../ports/event-log.ts'
import type { Point, Removal, VectorIndex } from '../ports/vector-index.ts'
import { carriedPictures, storePictures } from './carried-pictures.ts'
import type { Effect } from './effects.ts'
import { captionPayload, imagePayload } from './image-payload.ts'
import { waitForGeneration } from './missing-generation.ts'
import type { Handler } from './runner.ts'

type EmbedDependencies = {
  readonly generation: string
  readonly encoder: Encoder
  readonly catalogue: Catalogue
  readonly index: VectorIndex
  readonly blobs: BlobStore
  readonly partitions: number
  readonly clock: () => number
  /** Records a batch; the encoder's micro-batches are cut from it. */
  readonly batch: number
  /** How long the pictures in hand may take once it is told to stop, in milliseconds. */
  readonly grace?: number
  /** Told of the pairs whose points were computed, captioned or not. */
  readonly onEmbedded?: (pairs: number) => void
}

/**
 * Brings the points of one generation to what the catalogue says of the images and pairs that the records name. It looks at
 * the state, not at the event, so that repeating, replaying and reordering end in the same index, and an erased pair
 * has no way back: each later change of an image is a later record of the same partition.
 */
export function createEmbedHandler(deps: EmbedDependencies): Handler<'pairs'> {
  const { generation, encoder, catalogue, index } = deps

  const bytesOf = async (imageId: string, carried: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> => {
    const bytes = carried.get(imageId) ?? (await deps.blobs.get(imageBlobKey(imageId)))
    // Erased and swept since the catalogue was asked: the next attempt sees it gone.
    if (bytes === null && !catalogue.isLiveImage(imageId)) throw new AppError('not-ready', 'The image was just erased.')
    if (bytes === null) throw new AppError('blob-missing', `The picture of image ${imageId} is not in the blob store.`)
    if (imageIdOf(bytes) !== imageId)
      throw new AppError('wrong-id', `The stored picture of image ${imageId} has another id.`)
    return bytes
  }

  const imagePoints = async (
    images: readonly CatalogueImage[],
    carried: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<Point[]> => {
    const ids = images.map(({ imageId }) => imageId)
    const stored = await index.points(generation, 'images', ids).catch(waitForGeneration)
    const vectors = new Map(stored.map(({ id, vector }) => [id, vector]))
    const missing = images.filter(({ imageId }) => !vectors.has(imageId))
    const encoded = await encoder.encodeImages(
      missing.map(({ imageId }) => ({ imageId, bytes: () => bytesOf(imageId, carried) })),
      signal,
    )
    missing.forEach(({ imageId }, i) => {
      const vector = encoded[i]
      if (vector !== undefined) vectors.set(imageId, vector)
    })
    return images.flatMap((image) => {
      const vector = vectors.get(image.imageId)
      return vector === undefined ? [] : [{ id: image.imageId, vector, payload: imagePayload(image) }]
    })
  }

  const captionPoints = async (
    pairs: readonly CataloguePair[],
    images: ReadonlyMap<string, CatalogueImage>,
    signal: AbortSignal,
  ): Promise<Point[]> => {
    const captioned = pairs.flatMap(({ pairId, imageId, caption, position }) => {
      const image = images.get(imageId)
      return caption === null || image === undefined ? [] : [{ pairId, caption, image, position }]
    })
    const vectors = await encoder.encodeTexts(
      captioned.map(({ caption }) => caption),
      { pairIds: captioned.map(({ pairId }) => pairId), signal },
    )
    return captioned.flatMap(({ pairId, caption, image, position }, i) => {
      const vector = vectors[i]
      return vector === undefined ? [] : [{ id: pairId, vector, payload: captionPayload(image, caption, { position }) }]
    })
  }

  const handle = async (delivered: readonly LogRecord<'pairs'>[], signal: AbortSignal): Promise<Effect[]> => {
    // The counter's group, of which there is one for ever, sends poison to the dead topic; each generation skips it.
    const records = delivered.filter((record) => pairRecordProblem(record, deps.partitions) === null)
    await catalogue.foldedPast(records, signal)
    const named = records.flatMap(({ key, offset }) => {
      const ids = parsePairKey(key)
      return ids === null ? [] : [{ ...ids, upTo: offset }]
    })
    const images = catalogue.images([...new Set(named.map(({ imageId }) => imageId))])
    const known = new Map(named.map(({ pairId }) => [pairId, catalogue.pair(pairId)]))
    const pairs = [...known.values()].filter((pair) => pair !== null).filter(({ erased }) => !erased)
    const carried = carriedPictures(records, catalogue)

    const points = await withGrace(signal, (late) => imagePoints([...images.values()], carried, late), deps.grace)
    const captions = await withGrace(signal, (late) => captionPoints(pairs, images, late), deps.grace)
    const embeddedAt = deps.clock()
    deps.onEmbedded?.(pairs.length)
    return [
      ...storePictures(carried),
      { type: 'points-upsert', generation, kind: 'images', points },
      { type: 'points-upsert', generation, kind: 'captions', points: captions },
      { type: 'points-remove', generation, kind: 'images', removals: deadImages(named, images) },
      { type: 'points-remove', generation, kind: 'captions', removals: deadCaptions(named, known) },
      {
        type: 'indexed-announce',
        pairs: pairs.map(({ pairId, imageId, publishedAt }) => ({
          pairId, imageId, generation, modelVersion: encoder.modelVersion, publishedAt, embeddedAt,
        })), // prettier-ignore
      },
    ]
  }

  return { group: embedGroup(generation), topics: ['pairs'], maxRecords: deps.batch, partitionsAtOnce: 2, handle }
}

/** An image and a pair that a record is about, and the record's offset. */
type Named = { readonly imageId: string; readonly pairId: string; readonly upTo: number }

/**
 * Removals reach as far as the batch does, whatever the catalogue knows beyond it. What they spare was written from a later record, by
 * a worker or a catalogue that is ahead. Should it be dead too, then by a tombstone that is later still, and this group has that yet to come;
 * if it has passed it, elsewhere, the point was written by a worker that was stalled, and is the sweeps' to find. A removal that arrives after its
 * image or pair has come back therefore spares what is there: it came back by a later record.
 */
const deadImages = (named: readonly Named[], live: ReadonlyMap<string, CatalogueImage>): Removal[] =>
  named.flatMap(({ imageId, upTo }) => (live.has(imageId) ? [] : [{ id: imageId, upTo }]))

/** Offsets compare within one image: a tombstone that names a pair under another image than its own says nothing of its point. */
const deadCaptions = (named: readonly Named[], known: ReadonlyMap<string, CataloguePair | null>): Removal[] =>
  named.flatMap(({ imageId, pairId, upTo }) => {
    const pair = known.get(pairId) ?? null
    const isAnothers = pair !== null && pair.imageId !== imageId
    return isAnothers || pair?.erased === false ? [] : [{ id: pairId, upTo }]
  })
