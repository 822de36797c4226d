import type { Audited, AuditRecord, AuditTrail } from '../api/dependencies.ts'
import type { PrincipalNames } from '../api/access/principal-names.ts'
import { nextEntry, writerHead, type AuditFact } from '../core/audit-chain.ts'
import { AppError } from '../core/errors.ts'
import type { AuditEntry } from '../core/events.ts'
import { randomId } from '../core/ids.ts'
import type { EventLog } from '../ports/event-log.ts'

/** Entries of one append; what comes meanwhile goes with the next. */
const MOST_AT_ONCE = 100
/** Entries that may wait while the log is slow. */
const MOST_WAITING = 10_000
/** Milliseconds after which the newest entry is told to the program's own log again. */
const ANCHOR_INTERVAL = 3_600_000

export type AuditLog = AuditTrail & {
  /** Resolves once what was recorded is durable or has failed, and tells where the chain ends. */
  close(): Promise<void>
}

type AuditDependencies = {
  readonly log: Pick<EventLog, 'append' | 'tail' | 'endOffsets'>
  readonly names: Pick<PrincipalNames, 'remember'>
  readonly clock: () => number
  /** Told now and then, and at the end, where the chain of this process stands: kept elsewhere, it shows whether an end was cut off. */
  readonly onAnchor: (head: string) => void
}

type Waiting = { readonly fact: AuditFact; readonly done: () => void; readonly fail: (error: unknown) => void }

/**
 * The audit log: entries that are chained by their hashes, a chain for each process, in a topic that is kept for ever. One append is under way
 * at a time, with all that has come since the one before. After one that may or may not have arrived, a new chain begins.
 */
export function createAuditLog({ log, names, clock, onAnchor }: AuditDependencies): AuditLog {
  const waiting: Waiting[] = []
  let writer = randomId()
  let last: AuditEntry | null = null
  let told: { readonly head: string; readonly at: number } | null = null
  let writing: Promise<void> = Promise.resolve()

  const tellAnchor = (): void => {
    if (last === null || told?.head === writerHead(last)) return
    told = { head: writerHead(last), at: clock() }
    onAnchor(told.head)
  }

  const writeNext = async (): Promise<void> => {
    const batch = waiting.splice(0, MOST_AT_ONCE)
    const entries: AuditEntry[] = []
    for (const { fact } of batch) entries.push(nextEntry(writer, entries.at(-1) ?? last, fact))
    try {
      await log.append(entries.map((value) => ({ topic: 'audit', key: value.principal, value })))
      last = entries.at(-1) ?? last
      for (const { done } of batch) done()
      if (told === null || clock() - told.at >= ANCHOR_INTERVAL) tellAnchor()
    } catch (error) {
      tellAnchor()
      writer = randomId()
      last = null
      // What waits would meet the same, one deadline later each.
      for (const { fail } of [...batch, ...waiting.splice(0)]) fail(error)
    }
  }

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) await writeNext()
  }

  return {
    async record({ principal, action, object, count, outcome, traceId }: Audited) {
      await names.remember(principal)
      if (waiting.length >= MOST_WAITING)
        throw new AppError('overloaded', 'The audit log is behind; try again in a moment.')
      const fact = { principal: principal.id, action, object, count, outcome, at: clock(), traceId }
      const written = new Promise<void>((done, fail) => waiting.push({ fact, done, fail }))
      if (waiting.length === 1) writing = writing.then(writeAll)
      await written
    },
    async page(before, limit) {
      const end = (await log.endOffsets('audit')).get(0) ?? 0
      const to = Math.min(before ?? end, end)
      const records: AuditRecord[] = []
      await readAudit(log, { from: Math.max(0, to - limit), to }, (record) => void records.push(record))
      return records.reverse()
    },
    async close() {
      await writing
      tellAnchor()
    },
  }
}

/** Reads the records of the audit log from one offset up to another (default: its end), in their order. */
export async function readAudit(
  log: Pick<EventLog, 'tail' | 'endOffsets'>,
  { from = 0, to }: { readonly from?: number; readonly to?: number },
  take: (record: AuditRecord) => void,
): Promise<void> {
  const end = to ?? (await log.endOffsets('audit')).get(0) ?? 0
  if (from >= end) return
  let reached: () => void = () => undefined
  const complete = new Promise<void>((resolve) => (reached = resolve))
  const tail = log.tail(() => new Map([[0, from]]), {
    topics: ['audit'],
    async handle(records) {
      for (const { offset, value } of records) if (offset < end) take({ offset, entry: value })
      if ((records.at(-1)?.offset ?? -1) >= end - 1) reached()
    },
    onGap: (_topic, _partition, next) => {
      if (next >= end) reached()
    },
  })
  try {
    await Promise.race([complete, tail.done])
  } finally {
    await tail.stop()
  }
}
