import type { Judgement } from '../core/events.ts'
import type { EventLog } from '../ports/event-log.ts'
import { readNewest } from '../ports/newest-records.ts'

/** What the topic of judgements says now. */
export type KnownJudgements = {
  /** The newest of each key, in the order of the keys. */
  readonly judgements: readonly Judgement[]
  /** Records that could not be read. */
  readonly unreadable: number
}

/** Reads the topic from its beginning to what is its end now. Rejects with the signal's reason, and as the log does. */
export async function readJudgements(
  log: Pick<EventLog, 'tail' | 'endOffsets'>,
  signal?: AbortSignal,
): Promise<KnownJudgements> {
  const { values, unreadable } = await readNewest(log, 'judgements', signal)
  const keys = [...values.keys()].sort()
  return { judgements: keys.flatMap((key) => values.get(key) ?? []), unreadable }
}
