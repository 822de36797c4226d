import { AppError, toAppError } from '../core/errors.ts'
import { deadTopicOf, type Topic } from '../core/events.ts'
import type { Consumer, EventLog, LogRecord, NewDeadRecord } from '../ports/event-log.ts'
import { applyEffects, type Effect, type EffectPorts } from './effects.ts'

/** A reaction to records: reads through injected ports, returns its writes. A batch holds records of one partition, in order. */
export type Handler<T extends Topic> = {
  readonly group: string
  readonly topics: readonly T[]
  readonly maxRecords?: number
  readonly partitionsAtOnce?: number
  readonly handle: (records: readonly LogRecord<T>[], signal: AbortSignal) => Promise<readonly Effect[]>
}

export type RetryPolicy = {
  /** Attempts at a record whose failure is not understood, before it is dead. */
  readonly attempts: number
  /** Milliseconds between them, and the first wait for a dependency; both double up to `longestWait`. */
  readonly firstWait: number
  readonly longestWait: number
}

/** Five attempts within 30 seconds (0.4 + 0.8 + 1.6 + 3.2 = 6 s of waiting); dependencies are awaited without limit. */
const defaultRetryPolicy: RetryPolicy = { attempts: 5, firstWait: 400, longestWait: 10_000 }

type Origin = Pick<LogRecord, 'topic' | 'partition' | 'offset' | 'timestamp' | 'key'>

export type RunnerEvents = {
  readonly onDead?: (record: Origin, error: AppError) => void
  readonly onWaiting?: (group: string, error: AppError) => void
}

type RunnerOptions = {
  readonly log: EventLog
  readonly ports: EffectPorts
  readonly policy?: RetryPolicy
  readonly events?: RunnerEvents
}

/** Runs a handler: effects, then the commit; one bad record stops nothing, one sick dependency loses nothing. */
export function run<T extends Topic>(handler: Handler<T>, options: RunnerOptions): Consumer {
  const policy = options.policy ?? defaultRetryPolicy

  /** Does it, waiting as long as a dependency is away; returns what else went wrong. */
  const whenAvailable = async (body: () => Promise<unknown>, signal: AbortSignal): Promise<AppError | null> => {
    for (let wait = policy.firstWait; ; wait = Math.min(wait * 2, policy.longestWait)) {
      try {
        await body()
        return null
      } catch (thrown) {
        const error = toAppError(thrown)
        // A stop is not the record's fault: leave it uncommitted, for whoever comes next.
        if (signal.aborted) throw error
        if (error.kind !== 'unavailable') return error
        options.events?.onWaiting?.(handler.group, error)
        await pause(wait, signal)
      }
    }
  }

  const attempt = (records: readonly LogRecord<T>[], signal: AbortSignal): Promise<AppError | null> =>
    whenAvailable(async () => applyEffects(await handler.handle(records, signal), options.ports, signal), signal)

  /** The log that takes the dead may be away too; the record is not passed before it is there. */
  const bury = async (record: LogRecord<T>, error: AppError, attempts: number, signal: AbortSignal): Promise<void> => {
    const dead = deadRecord(record, error, attempts, handler.group, options.ports.clock())
    const failure = await whenAvailable(() => options.log.append([dead]), signal)
    if (failure !== null) throw failure
    options.events?.onDead?.(record, error)
  }

  const handleOne = async (record: LogRecord<T>, signal: AbortSignal): Promise<void> => {
    let wait = policy.firstWait
    for (let attempts = 1; ; attempts++) {
      const error = await attempt([record], signal)
      if (error === null) return
      if (error.kind === 'invalid' || attempts >= policy.attempts) {
        await bury(record, error, attempts, signal)
        return
      }
      await pause(wait, signal)
      wait = Math.min(wait * 2, policy.longestWait)
    }
  }

  const consumer = options.log.consume(handler.group, {
    topics: handler.topics,
    ...(handler.maxRecords === undefined ? {} : { maxRecords: handler.maxRecords }),
    ...(handler.partitionsAtOnce === undefined ? {} : { partitionsAtOnce: handler.partitionsAtOnce }),
    async handle(records, signal) {
      const [only] = records
      if (records.length === 1 && only !== undefined) return handleOne(only, signal)
      if ((await attempt(records, signal)) === null) return
      // Something in the batch is bad: one at a time finds it, and the others go on.
      for (const record of records) await handleOne(record, signal)
    },
  })
  return interruptible(consumer)
}

/** A stop may interrupt a batch that waits for a dependency; that is no failure of the consumer. */
function interruptible(consumer: Consumer): Consumer {
  let stopping = false
  const done = consumer.done.catch((error: unknown) => {
    if (!stopping) throw error
  })
  done.catch(() => undefined) // who wants to know of a failure awaits `done`; nobody has to
  return {
    done,
    reads: (topic, partition) => !stopping && consumer.reads(topic, partition),
    async stop() {
      stopping = true
      await consumer.stop().catch(() => undefined)
    },
  }
}

/** Resolves after `milliseconds`, or rejects as soon as the signal is raised. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(new AppError('not-ready', 'Stopped while waiting.'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

/** Characters of a key that a dead record repeats: a key alone may fill a record, and what is said of it has to fit beside it. */
const LONGEST_KEY = 1_024

/** Where it came from, why it died and how often it was tried; never its value. A key that was cut is still found at the origin. */
function deadRecord(record: Origin, error: AppError, attempts: number, group: string, now: number): NewDeadRecord {
  const { key } = record
  const isCut = key.length > LONGEST_KEY
  return {
    topic: deadTopicOf(record.topic),
    key: isCut ? key.slice(0, LONGEST_KEY) : key,
    partition: record.partition,
    headers: {
      ...(isCut ? { key_cut_from: String(key.length) } : {}),
      origin_topic: record.topic,
      origin_partition: String(record.partition),
      origin_offset: String(record.offset),
      origin_timestamp: String(record.timestamp),
      cause: error.code,
      group,
      attempts: String(attempts),
      died_at: String(now),
    },
  }
}
