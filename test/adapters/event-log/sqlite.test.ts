import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { createSqliteLog } from '../../../src/adapters/event-log/sqlite.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { eventLogContract } from '../../contracts/event-log.ts'
import type { LogUnderTest } from '../../contracts/event-log-driver.ts'

const partitions = 4

async function create(clock?: () => number): Promise<LogUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const path = join(folder, 'log.db')
  const open = () => createSqliteLog(clock === undefined ? { path, partitions } : { path, partitions, clock })
  let log = open()
  return {
    log,
    async reopen() {
      await log.close()
      log = open()
      return log
    },
    async appendUnreadable(topic, partition, key) {
      const database = openDatabase(path)
      database.transaction(() => {
        const next = database
          .prepare<{ next_offset: number }>(
            'UPDATE topic_partition SET next_offset = next_offset + 1 WHERE topic = ? AND partition = ? RETURNING next_offset',
          )
          .get(topic, partition)
        database
          .prepare("INSERT INTO record VALUES (?, ?, ?, 0, ?, 1, '{}', ?)")
          .run(topic, partition, (next?.next_offset ?? 1) - 1, key, Uint8Array.of(0xff, 0x13, 0x37))
      })
      database.close()
    },
    async remove() {
      await log.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describe('the SQLite event log', () => {
  eventLogContract({ create, partitions, runs: 40, maintains: true })
})
