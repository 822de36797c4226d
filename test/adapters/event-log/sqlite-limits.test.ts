import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSqliteLog, type SqliteLogOptions } from '../../../src/adapters/event-log/sqlite.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { EventLog, NewRecord } from '../../../src/ports/event-log.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { consumeRecords, promise, tailRecords } from '../../fixtures/log-consumers.ts'
import { pairEvent, pairRecord, tombstone } from '../../fixtures/pair-events.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const DAY = 24 * 3_600_000

async function openLog(options: Partial<SqliteLogOptions> = {}): Promise<{ log: EventLog; path: string }> {
  const path = join(await temporaryFolder(), 'data', 'log.db')
  const log = createSqliteLog({ path, partitions: 2, ...options })
  onTestFinished(() => log.close())
  return { log, path }
}

/** A pair with a picture of `size` bytes, all of them `fill`. */
const largePair = (caption: string, size: number, fill = 7): NewRecord<'pairs'> => ({
  ...pairRecord('one', caption),
  value: pairEvent('one', caption, { picture: new Uint8Array(size).fill(fill) }),
})

describe('the SQLite event log at its limits', () => {
  it('refuses to open with another partition count, and names both', async () => {
    const { log, path } = await openLog({ partitions: 12 })
    await log.close()
    const reopen = () => createSqliteLog({ path, partitions: 8 })
    expect(reopen).toThrow(expect.objectContaining({ code: 'partition-count-changed' }))
    expect(reopen).toThrow(/\b12\b.*\b8\b/)
    await createSqliteLog({ path, partitions: 12 }).close()
  })

  it('refuses with storage-full when the file may not grow, stores nothing of the call, and goes on reading', async () => {
    const { log } = await openLog({ maxBytes: 1_000_000 })
    await log.append([pairRecord('one', 'small')])
    const call = log.append(Array.from({ length: 3 }, (_, index) => largePair(`large ${index}`, 500_000)))
    await expect(call).rejects.toMatchObject({ code: 'storage-full' })
    await log.append([pairRecord('one', 'after')])
    const records = await tailRecords(log, ['pairs'], 2)
    expect(records.map(({ offset, value }) => [offset, value?.caption])).toEqual([
      [0, 'small'],
      [1, 'after'],
    ])
  })

  it('refuses calls past the limit of the queue at once, and writes those before', async () => {
    const { log } = await openLog({ limits: { records: 3 } })
    const calls = Array.from({ length: 5 }, (_, index) => log.append([pairRecord('one', `caption ${index}`)]))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    await expect(calls[4]).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    expect(await tailRecords(log, ['pairs'], 3)).toHaveLength(3)
  })

  it('counts the bytes that wait as well as the records', async () => {
    const { log } = await openLog({ limits: { bytes: 150_000 } })
    const calls = ['a', 'b'].map((caption) => log.append([largePair(caption, 100_000)]))
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('answers publish-unconfirmed past the deadline while another connection holds the file, then goes on', async () => {
    const { log, path } = await openLog({ limits: { deadline: 150 } })
    const other = openDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(log.append([pairRecord('one', 'a')])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    other.exec('ROLLBACK')
    other.close()
    await log.append([pairRecord('one', 'b')])
    expect((await tailRecords(log, ['pairs'], 1)).map(({ value }) => value?.caption)).toEqual(['b'])
  })

  it('keeps a consumer alive while its commit cannot be written', async () => {
    const { log, path } = await openLog({ limits: { deadline: 50 } })
    await log.append([pairRecord('one', 'a')])
    const other = openDatabase(path)
    const handled = promise()
    let deliveries = 0
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async () => {
        deliveries++
        other.exec('BEGIN IMMEDIATE')
        handled.resolve()
      },
    })
    await handled.promise
    await expect(log.append([pairRecord('one', 'b')])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    other.exec('ROLLBACK')
    other.close()
    await vi.waitFor(async () => expect([...(await log.committedOffsets('readers', 'pairs')).values()]).toEqual([1]))
    expect(deliveries).toBe(1)
    await consumer.stop()
  })

  it('refuses appends and consumers once it is closed', async () => {
    const { log } = await openLog()
    await log.close()
    await expect(log.append([pairRecord('one', 'a')])).rejects.toMatchObject({ code: 'log-unavailable' })
    expect(() => log.consume('readers', { topics: ['pairs'], handle: async () => undefined })).toThrow(
      expect.objectContaining({ code: 'log-unavailable' }),
    )
  })

  it('ends its consumers and writes what waits when it is closed', async () => {
    const { log, path } = await openLog()
    const consumer = log.consume('readers', { topics: ['pairs'], handle: async () => undefined })
    const call = log.append([pairRecord('one', 'a')])
    await log.close()
    await Promise.all([call, consumer.done])
    const again = createSqliteLog({ path, partitions: 2 })
    expect(await tailRecords(again, ['pairs'], 1)).toHaveLength(1)
    await again.close()
  })

  it('reads large records in batches of bounded bytes', async () => {
    const { log } = await openLog()
    for (let index = 0; index < 12; index++) await log.append([largePair(`caption ${index}`, 900_000)])
    const batches: number[] = []
    const all = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (records) => {
        batches.push(records.length)
        if (batches.length === 2) all.resolve()
      },
    })
    await Promise.race([all.promise, consumer.done])
    expect(batches).toEqual([8, 4])
    await consumer.stop()
  })

  it('takes the partitions in turn, so that a busy one starves no other', async () => {
    const { log } = await openLog({ partitions: 3 })
    const pairs = (partition: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...pairRecord('one', `${partition} ${index}`), partition }))
    await log.append([...pairs(0, 20), ...pairs(1, 2), ...pairs(2, 2)])
    const order: number[] = []
    const enough = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      maxRecords: 1,
      handle: async ([record]) => {
        order.push(record?.partition ?? -1)
        if (order.length === 6) enough.resolve()
      },
    })
    await Promise.race([enough.promise, consumer.done])
    await consumer.stop()
    expect(order.slice(0, 6)).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('lets a group commit past the end of a partition whose last records are gone', async () => {
    const now = 1_700_000_000_000
    const { log } = await openLog({ clock: () => now })
    const [position] = await log.append([pairRecord('one', 'a'), tombstone('one', 'a')])
    await log.maintain(now + 31 * DAY)
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: () => Promise.reject(new Error('nothing to handle')),
    })
    const expected = new Map([[position?.partition, 2]])
    await vi.waitFor(async () => expect(await log.committedOffsets('readers', 'pairs')).toEqual(expected))
    await consumer.stop()
  })

  it('keeps a reader alive while it cannot note a gap', async () => {
    const now = 1_700_000_000_000
    const { log } = await openLog({ clock: () => now })
    await log.append([pairRecord('one', 'a'), tombstone('one', 'a')])
    await log.maintain(now + 31 * DAY)
    const noted = promise<number>()
    let attempts = 0
    const consumer = log.tail(() => new Map(), {
      topics: ['pairs'],
      handle: () => Promise.reject(new Error('nothing to handle')),
      onGap(_topic, _partition, next) {
        if (++attempts === 1) throw new AppError('storage-full', 'The disk is full.')
        noted.resolve(next)
      },
    })
    expect(await Promise.race([noted.promise, consumer.done])).toBe(2)
    await consumer.stop()
  })

  it('compacts thousands of records, gives the space back, and leaves no byte of an erased picture in the files', async () => {
    const now = 1_700_000_000_000
    const { log, path } = await openLog({ clock: () => now })
    const secret = 'a face that must be forgotten'
    const picture = new TextEncoder().encode(secret.repeat(200))
    const kept = Array.from({ length: 1_200 }, (_, index) => pairRecord(`image ${index % 7}`, `caption ${index}`))
    const erased = Array.from({ length: 300 }, (_, index) => {
      const value = pairEvent('one', `secret ${index}`, { picture })
      return { ...tombstone('one', value.caption), value }
    })
    await log.append([...kept, ...erased, ...erased.map((record) => ({ ...record, value: null }))])
    await log.maintain(now)
    const before = (await stat(path)).size + (await stat(`${path}-wal`)).size
    await log.maintain(now + DAY)
    expect((await stat(path)).size).toBeLessThan(before / 2)
    for (const file of [path, `${path}-wal`]) expect((await readFile(file)).includes(secret)).toBe(false)
    expect(await tailRecords(log, ['pairs'], 1_500)).toHaveLength(1_500)
    await log.maintain(now + 31 * DAY)
    expect(await consumeRecords(log, 'readers', 'pairs', 1_200)).toHaveLength(1_200)
  })

  it('overwrites an erased caption also where its neighbours stay', async () => {
    const now = 1_700_000_000_000
    const { log, path } = await openLog({ clock: () => now })
    const secret = 'her name and address'
    const neighbours = Array.from({ length: 10 }, (_, index) => pairRecord('one', `caption ${index}`))
    await log.append([...neighbours.slice(0, 5), pairRecord('one', secret), ...neighbours.slice(5)])
    await log.append([tombstone('one', secret)])
    await log.maintain(now + DAY)
    for (const file of [path, `${path}-wal`]) expect((await readFile(file)).includes(secret)).toBe(false)
    expect(await tailRecords(log, ['pairs'], 11)).toHaveLength(11)
  })
})
