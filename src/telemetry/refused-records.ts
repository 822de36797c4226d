import type { RefusedRecord } from '../catalogue/open-catalogue.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'

/** Counts and logs records that the catalogue passes because they cannot be decoded; nothing else tells of them. */
export const refusedRecords =
  (logger: Logger, metrics: Pick<Metrics, 'recordsRefused'>) =>
  ({ topic, partition, offset, problem }: RefusedRecord): void => {
    metrics.recordsRefused.inc({ topic, cause: problem })
    logger.error({ topic, partition, offset, code: problem }, 'a record is refused')
  }
