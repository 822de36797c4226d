import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { auditHash, createAuditVerifier, nextEntry, writerHead, type AuditFact } from '../../src/core/audit-chain.ts'
import type { AuditEntry } from '../../src/core/events.ts'

const fact = fc.record<AuditFact>({
  principal: fc.constantFrom('local', 'key:abc', 'user:xyz'),
  action: fc.constantFrom('pairs:publish', 'pairs:erase'),
  object: fc.option(fc.string({ maxLength: 8 })),
  count: fc.nat(1_000),
  outcome: fc.constantFrom('asked', 'ok', 'forbidden'),
  at: fc.nat(),
  traceId: fc.option(fc.string({ maxLength: 8 })),
})

/** What several writers wrote at once, in the order in which it reached the log. */
const written = fc
  .array(fc.tuple(fc.constantFrom('w-1', 'w-2', 'w-3'), fact), { minLength: 1, maxLength: 12 })
  .map((facts) => {
    const last = new Map<string, AuditEntry>()
    return facts.map(([writer, one]) => {
      const entry = nextEntry(writer, last.get(writer) ?? null, one)
      last.set(writer, entry)
      return entry
    })
  })

const verify = (entries: readonly (AuditEntry | null)[], expected: readonly string[] = []) => {
  const verifier = createAuditVerifier(expected)
  entries.forEach((entry, offset) => verifier.take(offset, entry))
  return verifier.end()
}

/** Whether anybody who had kept the head of the whole would see that something is not as it was. */
const isNoticed = (before: readonly AuditEntry[], after: readonly (AuditEntry | null)[]): boolean => {
  const { faults, missing } = verify(after, [verify(before).head])
  return faults.length + missing.length > 0
}

it('finds nothing where nothing was changed, and has every head that it ever had', () => {
  fc.assert(
    fc.property(written, (entries) => {
      const heads = entries.flatMap((entry, at) => [writerHead(entry), verify(entries.slice(0, at + 1)).head])
      expect(verify(entries, heads)).toMatchObject({ entries: entries.length, faults: [], missing: [] })
    }),
  )
})

it('takes an entry that was written twice for one', () => {
  fc.assert(
    fc.property(written, (entries) => {
      const twice = [...entries, ...entries]
      expect(verify(twice).faults).toEqual([])
    }),
  )
})

it('notices a changed field, however the hash beside it was made', () => {
  const names = ['principal', 'action', 'object', 'outcome', 'traceId', 'writer'] as const
  fc.assert(
    fc.property(written, fc.nat(), fc.constantFrom(...names), fc.boolean(), (entries, at, name, isHashed) => {
      const place = at % entries.length
      const changed = entries.map((entry, index) => {
        if (index !== place) return entry
        const other = { ...entry, [name]: `${entry[name] ?? ''}!` }
        return isHashed ? { ...other, hash: auditHash(other) } : other
      })
      expect(isNoticed(entries, changed)).toBe(true)
      if (!isHashed) expect(verify(changed).faults).not.toEqual([])
    }),
  )
})

it('notices what is gone, at the end and whole writers too, and what changed places', () => {
  fc.assert(
    fc.property(written, fc.nat(), fc.nat(), (entries, one, other) => {
      const [a, b] = [one % entries.length, other % entries.length]
      expect(isNoticed(entries, entries.toSpliced(a, 1))).toBe(true)
      expect(isNoticed(entries, entries.slice(0, a))).toBe(true)
      expect(
        isNoticed(
          entries,
          entries.filter(({ writer }) => writer !== entries[a]?.writer),
        ),
      ).toBe(true)
      expect(isNoticed(entries, entries.with(a, null as never))).toBe(true)
      const [first, second] = [entries[a], entries[b]]
      if (first === undefined || second === undefined || first.hash === second.hash) return
      expect(isNoticed(entries, entries.with(a, second).with(b, first))).toBe(true)
    }),
  )
})

it('notices without any head that an entry is missing in the middle of a chain', () => {
  const facts = [1, 2, 3].map((at) => ({ principal: 'local', action: 'a', object: null, count: 1, outcome: 'ok', at, traceId: null })) // prettier-ignore
  const entries: AuditEntry[] = []
  for (const one of facts) entries.push(nextEntry('w', entries.at(-1) ?? null, one))
  expect(verify(entries.toSpliced(1, 1)).faults).toEqual(['Record 1 (writer w, entry 2) stands where entry 1 is due.'])
  expect(verify(entries.slice(1)).faults).toEqual(['Record 0 (writer w, entry 1) stands where entry 0 is due.'])
})

it('hashes an entry as the schema says, so that others can too', () => {
  const entry = { writer: 'w', sequence: 0, previousHash: '0', principal: 'p', action: 'a', object: null, count: 1, outcome: 'ok', at: 5, traceId: null } // prettier-ignore
  expect(auditHash(entry)).toBe(
    auditHash({ ...Object.fromEntries(Object.entries(entry).reverse()), hash: 'x' } as never),
  )
  // printf '%s' '{"action":"a","at":5,…}' | sha256sum
  const text = '{"action":"a","at":5,"count":1,"object":null,"outcome":"ok","previousHash":"0","principal":"p","sequence":0,"traceId":null,"writer":"w"}' // prettier-ignore
  expect(auditHash(entry)).toBe(createHash('sha256').update(text).digest('hex'))
})
