import { expect, it } from 'vitest'
import { pairRecords } from '../../../bench/support/log-records.ts'
import { partitionOf } from '../../../src/core/partition.ts'
import { pairRecordProblem } from '../../../src/core/pair-record.ts'

it('makes as many different valid records as are asked for, with the picture inside or beside', () => {
  const pictures = [{ name: 'a.jpg', bytes: new Uint8Array([1, 2, 3]), captions: ['A dog.', 'A brown dog.'] }]
  for (const carried of [false, true]) {
    const records = pairRecords(pictures, 5, carried)
    expect(new Set(records.map(({ record }) => record.key)).size).toBe(5)
    for (const { record, bytes } of records) {
      const partition = partitionOf(record.key.split(':')[0] ?? '', 12)
      expect(pairRecordProblem({ ...record, partition, problem: null }, 12)).toBeNull()
      expect(bytes.length).toBeGreaterThan(50)
    }
  }
})
