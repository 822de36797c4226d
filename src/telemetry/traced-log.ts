import { AsyncLocalStorage } from 'node:async_hooks'
import type { Topic } from '../core/events.ts'
import type { ConsumeOptions, EventLog, LogRecord } from '../ports/event-log.ts'
import { formatTraceparent, parseTraceparent, startTrace, type TraceContext } from './trace-context.ts'

/** The trace that a record with this key belongs to, in whatever is being done now. */
type TraceOf = (key: string) => TraceContext

const current = new AsyncLocalStorage<TraceOf>()

/** Does `body` within a span: what it appends to the log, however deep, carries the span as its `traceparent`. */
export const withinTrace = <T>(span: TraceContext, body: () => T): T => current.run(() => span, body)

/** What a record is about. The key of `pairs` is `imageId:pairId`; what follows from a pair has its id alone as the key. */
const subjectOf = (key: string): string => key.slice(key.lastIndexOf(':') + 1)

/**
 * One span for a batch, in the trace of each of its records: what has the subject of a record goes on with that record's trace, all
 * else with that of the last, whose arrival set it off. Records without a trace (a foreign producer's) share a new one.
 */
function batchTrace(records: readonly Pick<LogRecord, 'key' | 'headers'>[]): TraceOf {
  const own = startTrace()
  const spanOf = (traceparent: string | undefined): TraceContext => {
    const parent = parseTraceparent(traceparent)
    return parent === null ? own : { ...parent, spanId: own.spanId }
  }
  // Only the headers: whatever is started meanwhile keeps what it is run with, and records may hold pictures.
  const bySubject = new Map(records.map(({ key, headers }) => [subjectOf(key), headers['traceparent']]))
  const last = records.at(-1)?.headers['traceparent']
  return (key) => {
    const subject = subjectOf(key)
    return spanOf(bySubject.has(subject) ? bySubject.get(subject) : last)
  }
}

/**
 * The log, with a W3C `traceparent` header on every record that is appended and has none: of the request that is being answered, of
 * the records that are being consumed, or else of a trace that the append begins.
 */
export function withTraces(log: EventLog): EventLog {
  return {
    ...log,
    append(records) {
      const traceOf = current.getStore() ?? beginTrace()
      return log.append(
        records.map((record) => {
          const headers = { traceparent: formatTraceparent(traceOf(record.key)), ...record.headers }
          return { ...record, headers }
        }),
      )
    },
    consume<T extends Topic>(group: string, options: ConsumeOptions<T>) {
      return log.consume(group, {
        ...options,
        handle: (records, signal) => current.run(batchTrace(records), () => options.handle(records, signal)),
      })
    },
  }
}

function beginTrace(): TraceOf {
  const span = startTrace()
  return () => span
}
