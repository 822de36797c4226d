import type { Judgement } from '../core/events.ts'
import type { EventLog, Offsets } from '../ports/event-log.ts'

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
  const ends = await log.endOffsets('judgements')
  const newest = new Map<string, Judgement>()
  let unreadable = 0
  await readUntil(log, ends, signal, ({ key, value, problem }) => {
    if (problem !== null) unreadable++
    else if (value === null) newest.delete(key)
    else newest.set(key, value)
  })
  const keys = [...newest.keys()].sort()
  return { judgements: keys.flatMap((key) => newest.get(key) ?? []), unreadable }
}

type Take = (record: {
  readonly key: string
  readonly value: Judgement | null
  readonly problem: string | null
}) => void

async function readUntil(
  log: Pick<EventLog, 'tail'>,
  ends: Offsets,
  signal: AbortSignal | undefined,
  take: Take,
): Promise<void> {
  const missing = new Map([...ends].filter(([, end]) => end > 0))
  if (missing.size === 0) return
  let reached: () => void = () => undefined
  const complete = new Promise<void>((resolve) => (reached = resolve))
  const passed = (partition: number, next: number): void => {
    if (next >= (ends.get(partition) ?? 0)) missing.delete(partition)
    if (missing.size === 0) reached()
  }
  const tail = log.tail(() => new Map<number, number>(), {
    topics: ['judgements'],
    maxRecords: 1_024,
    async handle(records) {
      for (const record of records) if (record.offset < (ends.get(record.partition) ?? 0)) take(record)
      const last = records.at(-1)
      if (last !== undefined) passed(last.partition, last.offset + 1)
    },
    onGap: (_topic, partition, next) => passed(partition, next),
  })
  const stop = (): void => reached()
  signal?.addEventListener('abort', stop, { once: true })
  if (signal?.aborted === true) stop()
  try {
    await Promise.race([complete, tail.done])
    signal?.throwIfAborted()
  } finally {
    signal?.removeEventListener('abort', stop)
    await tail.stop()
  }
}
