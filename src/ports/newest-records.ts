import type { Topic, TopicValues } from '../core/events.ts'
import type { EventLog, LogRecord } from './event-log.ts'

/** What a compacted topic says now. */
export type NewestRecords<T extends Topic> = {
  /** The value of the newest record of each key; none of keys that a tombstone took back. */
  readonly values: ReadonlyMap<string, TopicValues[T]>
  /** Records that could not be read. */
  readonly unreadable: number
}

/**
 * Reads a topic from its beginning to what is its end now, and keeps what `isWanted` says, which may be little of much. Rejects with the
 * signal's reason, and as the log does.
 */
export async function readNewest<T extends Topic>(
  log: Pick<EventLog, 'tail' | 'endOffsets'>,
  topic: T,
  signal?: AbortSignal,
  isWanted: (value: TopicValues[T]) => boolean = () => true,
): Promise<NewestRecords<T>> {
  const values = new Map<string, TopicValues[T]>()
  let unreadable = 0
  await readToEnd(log, topic, signal, ({ key, value, problem }) => {
    if (problem !== null) unreadable++
    else if (value !== null && isWanted(value)) values.set(key, value)
    else values.delete(key)
  })
  return { values, unreadable }
}

async function readToEnd<T extends Topic>(
  log: Pick<EventLog, 'tail' | 'endOffsets'>,
  topic: T,
  signal: AbortSignal | undefined,
  take: (record: LogRecord<T>) => void,
): Promise<void> {
  const ends = await log.endOffsets(topic)
  const missing = new Map([...ends].filter(([, end]) => end > 0))
  if (missing.size === 0) return
  let reached: () => void = () => undefined
  const complete = new Promise<void>((resolve) => (reached = resolve))
  const passed = (partition: number, next: number): void => {
    if (next >= (ends.get(partition) ?? 0)) missing.delete(partition)
    if (missing.size === 0) reached()
  }
  const tail = log.tail(() => new Map<number, number>(), {
    topics: [topic],
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
