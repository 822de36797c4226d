import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { Catalogue } from '../../src/catalogue/catalogue.ts'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import type { ErasureRecord, PairPublished } from '../../src/core/events.ts'
import { pairKey } from '../../src/core/ids.ts'
import type { Consumer, NewRecord } from '../../src/ports/event-log.ts'
import { openDatabase, type Database } from '../../src/sqlite/database.ts'

export const PARTITIONS = 3

export type Followed = {
  readonly catalogue: Catalogue
  readonly database: Database
  readonly consumer: Consumer
  close(): Promise<void>
}

/** A real log with a clock that ticks with every record, blobs, and as many catalogues over them as asked for. */
export async function createHarness() {
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  let now = 1_700_000_000_000
  const clock = () => (now += 10)
  const log = createSqliteLog({ path: join(folder, 'log.db'), partitions: PARTITIONS, clock })
  const blobs = createFileBlobStore({ folder: join(folder, 'blobs') })
  const open = new Set<Followed>()

  const follow = async (name = 'catalogue.db'): Promise<Followed> => {
    const database = openDatabase(join(folder, name))
    const catalogue = openCatalogue({ database, blobs })
    const consumer = await catalogue.follow(log)
    const followed: Followed = {
      catalogue,
      database,
      consumer,
      async close() {
        if (!open.delete(followed)) return
        await consumer.stop()
        catalogue.close()
      },
    }
    open.add(followed)
    return followed
  }

  /** A catalogue that is folded from nothing, up to the end of the log. */
  const rebuild = async (name = 'rebuilt.db'): Promise<Followed> => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `${name}${suffix}`), { force: true })
    const followed = await follow(name)
    await followed.catalogue.caughtUp(log)
    await settled(followed)
    return followed
  }

  /** `caughtUp` leaves out what is only informative. */
  const settled = async ({ catalogue, database }: Followed): Promise<void> => {
    const ends = await log.endOffsets('pairs.indexed')
    const isFolded = () => {
      const rows = database.prepare<{ partition: number; next_offset: number }>(
        "SELECT partition, next_offset FROM fold_offset WHERE topic = 'pairs.indexed'",
      )
      const folded = new Map(rows.all().map((row) => [row.partition, row.next_offset]))
      return [...ends].every(([partition, end]) => (folded.get(partition) ?? 0) >= end)
    }
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!isFolded()) return
        unsubscribe()
        resolve()
      }
      const unsubscribe = catalogue.onChange(check)
      check()
    })
  }

  const close = async (): Promise<void> => {
    for (const followed of [...open]) await followed.close()
    await log.close()
    await blobs.close()
    await rm(folder, { recursive: true, force: true })
  }

  return { folder, log, blobs, clock, now: () => now, follow, rebuild, settled, close }
}

export type Harness = Awaited<ReturnType<typeof createHarness>>

/** A harness that goes with the test that asked for it. */
export async function harness(): Promise<Harness> {
  const made = await createHarness()
  onTestFinished(made.close)
  return made
}

export const publication = (value: PairPublished): NewRecord<'pairs'> => ({
  topic: 'pairs',
  key: pairKey(value.imageId, value.pairId),
  value,
})

export const tombstoneOf = ({ imageId, pairId }: PairPublished): NewRecord<'pairs'> => ({
  topic: 'pairs',
  key: pairKey(imageId, pairId),
  value: null,
})

export const erasureOf = (
  { imageId, pairId }: PairPublished,
  state: string,
  changes: Partial<ErasureRecord> = {},
): NewRecord<'erasures'> => ({
  topic: 'erasures',
  key: pairId,
  value: { pairId, imageId, state, requestedBy: 'someone', at: 0, logCleanBy: null, ...changes },
})
