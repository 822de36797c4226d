import { sha256Hex } from './ids.ts'
import type { AuditEntry } from './events.ts'

/** What is known of an entry before it has its place in a chain. */
export type AuditFact = Omit<AuditEntry, 'writer' | 'sequence' | 'previousHash' | 'hash'>

/** What the first entry of a writer has in place of a hash before it. */
const NOTHING_BEFORE = '0'.repeat(64)

/** The hash of an entry: SHA-256 of all its other fields as JSON with sorted names (RFC 8785 for such values). */
export function auditHash(entry: Omit<AuditEntry, 'hash'>): string {
  const fields = Object.entries(entry).filter(([name]) => name !== 'hash')
  return sha256Hex(JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)))))
}

/** The fact as the entry that follows `previous` (null: the first) in the chain of `writer`. */
export function nextEntry(writer: string, previous: AuditEntry | null, fact: AuditFact): AuditEntry {
  const { principal, action, object, count, outcome, at, traceId } = fact
  const place = {
    writer,
    sequence: previous === null ? 0 : previous.sequence + 1,
    previousHash: previous?.hash ?? NOTHING_BEFORE,
  }
  const entry = { ...place, principal, action, object, count, outcome, at, traceId }
  return { ...entry, hash: auditHash(entry) }
}

/** How many entries back a repeated one is known again: more than are ever appended at once. */
const REMEMBERED = 256

/** The place of an entry, to be written down elsewhere: `writer/sequence:hash`. */
export const writerHead = ({ writer, sequence, hash }: AuditEntry): string => `${writer}/${sequence}:${hash}`

export type AuditVerification = {
  readonly entries: number
  readonly writers: number
  /** `entries:digest`: a digest over all entries in the order of the log, to be written down elsewhere and expected later. */
  readonly head: string
  /** What is not as it was written, a sentence each. */
  readonly faults: readonly string[]
  /** Of the expected heads, those that the log does not have: its end, or a whole writer, was cut off. */
  readonly missing: readonly string[]
}

/**
 * Takes the records of the log in their order, null for one that cannot be read, and says what is wrong with them. A record that was written
 * twice (the answer to the first was lost) is the same entry. `expected` are heads that were written down before, of all
 * (`entries:digest`) or of a writer (`writer/sequence:hash`).
 */
export function createAuditVerifier(expected: readonly string[] = []) {
  const chains = new Map<string, { last: AuditEntry | null; recent: string[] }>()
  const missing = new Set(expected)
  const faults: string[] = []
  let entries = 0
  let digest = NOTHING_BEFORE

  const check = (offset: number, entry: AuditEntry | null): void => {
    if (entry === null) {
      faults.push(`Record ${offset} cannot be read.`)
      return
    }
    const chain = chains.get(entry.writer) ?? { last: null, recent: [] }
    chains.set(entry.writer, chain)
    const before = chain.last
    if (chain.recent.includes(entry.hash) && auditHash(entry) === entry.hash) return
    const place = `Record ${offset} (writer ${entry.writer}, entry ${entry.sequence})`
    const due = before === null ? 0 : before.sequence + 1
    if (auditHash(entry) !== entry.hash) faults.push(`${place} was changed: its hash is another.`)
    else if (entry.sequence !== due) faults.push(`${place} stands where entry ${due} is due.`)
    else if (entry.previousHash !== (before?.hash ?? NOTHING_BEFORE)) {
      faults.push(`${place} does not follow the entry before it.`)
    }
    chain.last = entry
    chain.recent = [...chain.recent.slice(1 - REMEMBERED), entry.hash]
    missing.delete(writerHead(entry))
  }

  return {
    take(offset: number, entry: AuditEntry | null): void {
      check(offset, entry)
      entries++
      digest = sha256Hex(digest + (entry?.hash ?? ''))
      missing.delete(`${entries}:${digest}`)
    },
    end: (): AuditVerification => ({
      entries,
      writers: chains.size,
      head: `${entries}:${digest}`,
      faults,
      missing: [...missing],
    }),
  }
}
