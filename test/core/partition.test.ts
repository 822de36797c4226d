import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from '../../src/core/partition.ts'

const require = createRequire(import.meta.url)
const kafkaMurmur2 = require('kafkajs/src/producer/partitioners/default/murmur2') as (key: string) => number

const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.uuid())

describe('murmur2', () => {
  it('is the hash of Kafka clients', () => {
    fc.assert(
      fc.property(text, (key) => {
        expect(murmur2(key)).toBe(kafkaMurmur2(key) >>> 0)
      }),
      { numRuns: 2_000 },
    )
  })

  it('gives the values that Apache Kafka tests its own with', () => {
    const known = { '21': -973932308, foobar: -790332482, 'a-little-bit-long-string': -985981536, abc: 479470107 }
    for (const [key, hash] of Object.entries(known)) expect(murmur2(key) | 0).toBe(hash)
  })
})

describe('partitionOf', () => {
  it('is the partition that Kafka clients choose', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 200 }), (key, partitions) => {
        expect(partitionOf(key, partitions)).toBe((kafkaMurmur2(key) & 0x7fffffff) % partitions)
      }),
      { numRuns: 2_000 },
    )
  })

  it('spreads images over all partitions', () => {
    const counts = new Array<number>(12).fill(0)
    for (let image = 0; image < 12_000; image++) {
      const partition = partitionOf(`image ${image}`, 12)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    for (const count of counts) {
      expect(count).toBeGreaterThan(850)
      expect(count).toBeLessThan(1_150)
    }
  })
})
