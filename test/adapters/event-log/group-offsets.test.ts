import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { createGroupOffsets } from '../../../src/adapters/event-log/group-offsets.ts'
import { openLogDatabase } from '../../../src/adapters/event-log/sqlite-schema.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

it('keeps the highest offset of every partition, in whatever order they are committed', async () => {
  const database = openLogDatabase(join(await temporaryFolder(), 'log.db'), 4, undefined)
  onTestFinished(() => database.close())
  const offsets = createGroupOffsets(database)
  const commits = fc.array(fc.record({ partition: fc.nat({ max: 3 }), next: fc.nat() }), {
    minLength: 1,
    maxLength: 20,
  })
  let group = 0
  fc.assert(
    fc.property(commits, (all) => {
      const name = `group ${group++}`
      const highest = new Map<number, number>()
      for (const { partition, next } of all) {
        offsets.commit(name, 'pairs', partition, next)
        highest.set(partition, Math.max(next, highest.get(partition) ?? 0))
      }
      expect(offsets.committed(name, 'pairs')).toEqual(highest)
    }),
    { numRuns: 50 },
  )
})
