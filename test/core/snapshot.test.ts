import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../src/core/ids.ts'
import { readSnapshot, splitInSnapshot, writeSnapshot } from '../../src/core/snapshot.ts'
import { splits } from '../../src/core/split.ts'

const entries = fc.uniqueArray(fc.record({ pairId: fc.uuid(), split: fc.constantFrom(...splits) }), {
  selector: ({ pairId }) => pairId,
  maxLength: 50,
})
const byId = (a: { pairId: string }, b: { pairId: string }) => (a.pairId < b.pairId ? -1 : 1)

describe('the snapshot', () => {
  it('is the same file for the same pairs in any order, named by its content', () => {
    fc.assert(
      fc.property(entries, (pairs) => {
        const { key, bytes } = writeSnapshot(pairs)
        expect(writeSnapshot([...pairs].reverse())).toEqual({ key, bytes })
        expect(key).toBe(`snapshots/${sha256Hex(bytes)}`)
        expect(readSnapshot(bytes)).toEqual([...pairs].sort(byId))
      }),
    )
  })

  it('refuses a file that is none', () => {
    for (const text of ['nonsense\n', 'a b c', 'id unknown-split\n', ' train\n']) {
      expect(() => readSnapshot(new TextEncoder().encode(text))).toThrow(
        expect.objectContaining({ code: 'snapshot-incomplete' }),
      )
    }
    expect(readSnapshot(new Uint8Array())).toEqual([])
  })
})

it('finds each pair and no other without reading all lines', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.uuid(), { maxLength: 60 }), fc.uuid(), (ids, other) => {
      const entries = ids.map((pairId, i) => ({ pairId, split: splits[i % splits.length] ?? 'train' }))
      const { bytes } = writeSnapshot(entries)
      for (const { pairId, split } of entries) expect(splitInSnapshot(bytes, pairId)).toBe(split)
      if (!ids.includes(other)) expect(splitInSnapshot(bytes, other)).toBeNull()
    }),
  )
})
