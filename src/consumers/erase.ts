import { embedGroup } from '../core/consumer-groups.ts'
import { AppError } from '../core/errors.ts'
import type { ErasureRecord } from '../core/events.ts'
import { parsePairKey } from '../core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../core/pair-record.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { LogRecord, NewRecord } from '../ports/event-log.ts'
import { modelsTrainedOn } from './models-trained-on.ts'
import type { Handler } from './runner.ts'
import { blobRemoval, ownGenerations, sweepErased, type SweepDependencies } from './sweep.ts'

/** Compaction removes an erased value within a day of its segment's end, which is at most an hour away. */
export const LOG_CLEAN_AFTER = 25 * 3_600_000

type EraseDependencies = SweepDependencies

/** What receipts tell of an erasure, beside when. */
type Evidence = {
  readonly generations: readonly string[]
  /** By picture that went with its last pair. */
  readonly pictures: ReadonlyMap<string, readonly string[]>
  readonly models: ReadonlyMap<string, readonly string[]>
}

/** Follows tombstones behind all others: what no worker can write any more is removed for good, and the receipt says so. */
export function createEraseHandler(deps: EraseDependencies): Handler<'pairs'> {
  const { catalogue, log, blobs } = deps

  /** A worker that has yet to pass the tombstone may still write: wait, as for a dependency that is away. */
  const requirePassed = async (records: readonly LogRecord<'pairs'>[]): Promise<void> => {
    for (const generation of viewReleases(catalogue.releases()).live.keys()) {
      const committed = await log.committedOffsets(embedGroup(generation), 'pairs')
      const behind = records.some(({ partition, offset }) => (committed.get(partition) ?? 0) <= offset)
      if (behind) throw new AppError('not-ready', `Generation ${generation} has not passed the tombstone yet.`)
    }
  }

  /** The picture's removal, and how the receipt calls it: one that was put within the grace is swept after it. */
  const removeImage = async (imageId: string) => {
    const stored = await blobs.info(imageBlobKey(imageId))
    const effects = stored === null ? [] : blobRemoval(stored, deps)
    return { imageId, effects, place: stored === null || effects.length > 0 ? 'blobs' : 'blobs-after-grace' }
  }

  /** A pair that was restored meanwhile is not erased, so nothing is certified. */
  const receiptOf = ({ key, timestamp }: LogRecord<'pairs'>, evidence: Evidence): NewRecord[] => {
    const ids = parsePairKey(key)
    if (ids === null || !catalogue.isErased(ids.pairId)) return []
    const requestedBy = catalogue.erasure(ids.pairId)?.requestedBy ?? 'unknown'
    const logCleanBy = timestamp + LOG_CLEAN_AFTER
    const removedFrom = [
      ...evidence.generations.map((generation) => `index/${generation}`),
      ...(evidence.pictures.get(ids.imageId) ?? []),
      ...['features', 'training-data', 'catalogue', 'log'],
    ]
    const trainedModels = [...(evidence.models.get(ids.pairId) ?? [])]
    const done = { state: 'done', requestedBy, at: timestamp, logCleanBy, removedFrom, trainedModels }
    const value: ErasureRecord = { ...ids, ...done }
    return [{ topic: 'erasures', key: ids.pairId, value }]
  }

  return {
    group: 'erase',
    topics: ['pairs'],
    async handle(records, signal) {
      const partitions = await log.partitions('pairs')
      // Poison is the counter's to report: here it erases nothing, so there is nothing to certify.
      const tombstones = records.filter(
        (record) => record.value === null && pairRecordProblem(record, partitions) === null,
      )
      if (tombstones.length === 0) return []
      // Past the tombstones and up to now: what came back since must not be taken for dead.
      await catalogue.caughtUp(log, signal)
      await requirePassed(tombstones)
      const ids = tombstones.flatMap(({ key }) => parsePairKey(key) ?? [])
      const erased = {
        images: [...new Set(ids.map(({ imageId }) => imageId))],
        captions: [...new Set(ids.map(({ pairId }) => pairId))],
      }
      const live = catalogue.liveAmong('images', erased.images)
      const images = erased.images.filter((id) => !live.has(id))
      const pictures = await Promise.all(images.map(removeImage))
      const evidence: Evidence = {
        generations: await ownGenerations(deps),
        pictures: new Map(pictures.map(({ imageId, place }) => [imageId, [place]])),
        models: await modelsTrainedOn(erased.captions, deps),
      }
      return [
        // The sweep that the receipt stands for: of every generation, after the tombstone, for exactly what it erases.
        ...(await sweepErased(deps, erased, signal)),
        { type: 'features-erase', ids: [...images, ...erased.captions] },
        ...pictures.flatMap(({ effects }) => effects),
        { type: 'training-data-erase', pairIds: erased.captions },
        { type: 'events-append', records: tombstones.flatMap((record) => receiptOf(record, evidence)) },
      ]
    },
  }
}
