import type { Catalogue } from '../catalogue/catalogue.ts'
import { isCrossing, type CounterSettings } from '../core/counter.ts'
import { pairRecordProblem } from '../core/pair-record.ts'
import type { EventLog, LogRecord } from '../ports/event-log.ts'
import { carriedPictures, storePictures } from './carried-pictures.ts'
import { counterState, retrainingRequest } from './retraining-request.ts'
import type { Handler } from './runner.ts'

type CountDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly settings: CounterSettings
  readonly partitions: number
  readonly clock: () => number
  /** Told of publications once they are judged, of each once however often its batch is tried. */
  readonly onPublished?: (pairs: number) => void
}

/**
 * Asks for a retraining, once a crossing, when new pairs exceed the threshold's share of the data set. Its group also
 * judges every record of the topic once: poison goes to the dead topic from here, not again from each generation. And as the one
 * group that runs before there is a model, it puts pictures that records carry where a training finds them.
 */
export function createCountHandler({
  catalogue,
  log,
  settings,
  partitions,
  clock,
  onPublished,
}: CountDependencies): Handler<'pairs'> {
  /** Partition to the offset up to which publications are told of. */
  const told = new Map<number, number>()
  const tellPublished = (records: readonly LogRecord<'pairs'>[]): void => {
    const fresh = records.filter(({ partition, offset }) => offset >= (told.get(partition) ?? 0))
    for (const { partition, offset } of fresh) told.set(partition, offset + 1)
    onPublished?.(fresh.filter(({ value }) => value !== null).length)
  }

  return {
    group: 'count',
    topics: ['pairs'],
    async handle(records, signal) {
      for (const record of records) {
        const problem = pairRecordProblem(record, partitions)
        if (problem !== null) throw problem
      }
      tellPublished(records)
      // Caught up on requests too: the one just made has set a new base.
      await catalogue.caughtUp(log, signal)
      const pictures = storePictures(carriedPictures(records, catalogue))
      if (!isCrossing(counterState(catalogue), settings)) return pictures
      const options = { reason: 'volume', requestedBy: 'counter', threshold: settings.threshold, now: clock() } as const
      return [...pictures, ...retrainingRequest(catalogue, options).effects]
    },
  }
}
