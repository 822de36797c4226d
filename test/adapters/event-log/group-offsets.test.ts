import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { createGroupOffsets } from '../../../src/adapters/event-log/group-offsets.ts'
import { openLogDatabase } from '../../../src/adapters/event-log/sqlite-schema.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

it('counts only commits of what was read from where the group is, whoever moved it meanwhile', async () => {
  const database = openLogDatabase(join(await temporaryFolder(), 'log.db'), 4, undefined)
  onTestFinished(() => database.close())
  const offsets = createGroupOffsets(database)
  const move = fc.record({
    type: fc.constantFrom('commit' as const, 'late commit' as const, 'seek' as const),
    partition: fc.nat({ max: 3 }),
    by: fc.integer({ min: 1, max: 9 }),
  })
  let group = 0
  fc.assert(
    fc.property(fc.array(move, { minLength: 1, maxLength: 20 }), (moves) => {
      const name = `group ${group++}`
      const expected = new Map<number, number>()
      for (const { type, partition, by } of moves) {
        const at = expected.get(partition) ?? 0
        if (type === 'late commit') offsets.commit(name, 'pairs', partition, at + by, at + by + 1)
        else {
          if (type === 'commit') offsets.commit(name, 'pairs', partition, at, at + by)
          else offsets.seek(name, 'pairs', partition, by)
          expected.set(partition, type === 'commit' ? at + by : by)
        }
      }
      expect(offsets.committed(name, 'pairs')).toEqual(expected)
    }),
    { numRuns: 50 },
  )
})
