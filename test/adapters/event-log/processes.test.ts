import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createSqliteLog } from '../../../src/adapters/event-log/sqlite.ts'
import type { EventLog } from '../../../src/ports/event-log.ts'
import { runScript } from '../../fixtures/child-process.ts'
import { promise, tailRecords } from '../../fixtures/log-consumers.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

type Acknowledged = { readonly partition: number; readonly offset: number; readonly caption: string }

/** A child of which the last line may be cut off by its death. */
const acknowledged = (lines: readonly string[]): Acknowledged[] =>
  lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Acknowledged)

async function expectPresent(log: EventLog, records: readonly Acknowledged[]): Promise<void> {
  for (const { partition, offset, caption } of records) {
    expect((await log.read('pairs', partition, offset))?.value?.caption).toBe(caption)
  }
}

async function countOf(log: EventLog): Promise<number> {
  return [...(await log.endOffsets('pairs')).values()].reduce((sum, end) => sum + end, 0)
}

describe('the SQLite event log among processes', () => {
  it('has every acknowledged record after SIGKILL at a random moment', async () => {
    const path = join(await temporaryFolder(), 'log.db')
    const all: Acknowledged[] = []
    for (let round = 0; round < 5; round++) {
      const script = runScript('append-until-killed.ts', path, `round ${round}`)
      await script.printed(randomInt(1, 40))
      await delay(randomInt(0, 20))
      script.process.kill('SIGKILL')
      await script.ended
      all.push(...acknowledged(script.lines))

      const log = createSqliteLog({ path, partitions: 4 })
      await expectPresent(log, all)
      // Whatever was written and not acknowledged is whole: every offset up to the end holds a record that can be read.
      const records = await tailRecords(log, ['pairs'], await countOf(log))
      expect(records.every(({ problem, value }) => problem === null && value !== null)).toBe(true)
      await log.close()
    }
    expect(all.length).toBeGreaterThan(5)
  })

  it('takes the records of several processes that append at once, from the creation of the file on', async () => {
    const path = join(await temporaryFolder(), 'log.db')
    const scripts = ['left', 'right', 'middle'].map((writer) =>
      runScript('append-until-killed.ts', path, writer, '200'),
    )
    expect(await Promise.all(scripts.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const all = scripts.flatMap(({ lines }) => acknowledged(lines))
    expect(new Set(all.map(({ caption }) => caption)).size).toBe(600)
    expect(new Set(all.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(600)
    const log = createSqliteLog({ path, partitions: 4 })
    await expectPresent(log, all)
    expect(await countOf(log)).toBe(600)
    await log.close()
  })

  it('hands a waiting consumer what another process appends', async () => {
    const path = join(await temporaryFolder(), 'log.db')
    const log = createSqliteLog({ path, partitions: 4 })
    const captions: (string | null | undefined)[] = []
    const all = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (records) => {
        captions.push(...records.map(({ value }) => value?.caption))
        if (captions.length === 5) all.resolve()
      },
    })
    const script = runScript('append-until-killed.ts', path, 'other', '5')
    await Promise.race([all.promise, consumer.done])
    expect(captions.sort()).toEqual(['other 0', 'other 1', 'other 2', 'other 3', 'other 4'])
    expect(await script.ended).toBe(0)
    await log.close()
  })
})
