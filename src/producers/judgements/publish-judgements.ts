import { judgementIdOf } from '../../core/judgement.ts'
import type { EventLog, NewRecord } from '../../ports/event-log.ts'
import { createReport, type PublishReport } from '../publish-report.ts'
import type { JudgementSource } from './judgement-source.ts'

type PublishOptions = {
  /** Takes the judgements of these texts back instead, whatever was said of them. */
  readonly withdraw?: boolean
  readonly onProgress?: (report: PublishReport) => void
  /** Once raised, no more is read; what is in hand is finished. */
  readonly signal?: AbortSignal
}

/** Records that are appended at once, so that each wait for the disk or the brokers is worth it. */
const BATCH = 500

/**
 * Publishes judgements under the id of their two texts, so that publishing them again changes nothing and a later judgement takes the
 * place of an earlier one. Those that cannot be read are in the report. Throws what the source and the log throw; running it again then
 * goes on.
 */
export async function publishJudgements(
  source: JudgementSource,
  log: Pick<EventLog, 'append'>,
  { withdraw = false, onProgress, signal }: PublishOptions = {},
): Promise<PublishReport> {
  const tally = createReport(source.describe)
  let batch: NewRecord<'judgements'>[] = []
  const append = async (): Promise<void> => {
    if (batch.length > 0) await log.append(batch)
    batch.forEach(tally.accept)
    batch = []
    onProgress?.(tally.report(false))
  }
  try {
    for await (const read of source.read(signal)) {
      if (signal?.aborted === true) {
        await append()
        return tally.report(true)
      }
      if ('code' in read) tally.reject(`${source.describe}, ${read.place}`, read.code, read.detail)
      else {
        const { query, document } = read.judgement
        batch.push({
          topic: 'judgements',
          key: judgementIdOf(query, document),
          value: withdraw ? null : read.judgement,
        })
        if (batch.length >= BATCH) await append()
      }
    }
  } catch (error) {
    await append() // what was read before the source failed
    throw error
  }
  await append()
  return tally.report(false)
}
