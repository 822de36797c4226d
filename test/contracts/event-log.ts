import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TopicValues } from '../../src/core/events.ts'
import { parsePairKey } from '../../src/core/ids.ts'
import { partitionOf } from '../../src/core/partition.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { tailRecords } from '../fixtures/log-consumers.ts'
import { captions, captionsFrom, numbered, pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { eventLogConsumingContract } from './event-log-consuming.ts'
import type { EventLogDriver, LogUnderTest } from './event-log-driver.ts'
import { interleave } from './event-log-interleaving.ts'
import { eventLogMaintenanceContract } from './event-log-maintenance.ts'
import { eventLogSeekingContract } from './event-log-seeking.ts'

/** What every driver guarantees to producers and to readers of single records. */
function eventLogRecordsContract(driver: EventLogDriver): void {
  let subject: LogUnderTest
  let log: EventLog

  beforeEach(async () => {
    subject = await driver.create()
    log = subject.log
  })
  afterEach(() => subject.remove())

  describe('appending', () => {
    it('gives the records of a partition offsets without gaps, in the order of the call', async () => {
      const first = await log.append(numbered('one', 3))
      const second = await log.append(numbered('one', 2))
      expect([...first, ...second].map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4])
    })

    it('appends nothing for an empty call', async () => {
      expect(await log.append([])).toEqual([])
    })

    it('puts all pairs of an image, tombstones included, into the partition that its id yields', async () => {
      for (const image of ['one', 'two', 'three', 'four']) {
        const record = pairRecord(image, 'a caption')
        const expected = partitionOf(parsePairKey(record.key)?.imageId ?? '', driver.partitions)
        const positions = await log.append([record, pairRecord(image, null), tombstone(image, 'a caption')])
        expect(positions.map(({ partition }) => partition)).toEqual([expected, expected, expected])
      }
    })

    it('keeps a topic that needs one order in one partition', async () => {
      expect(await log.partitions('pairs')).toBe(driver.partitions)
      expect(await log.partitions('pairs.indexed')).toBe(driver.partitions)
      expect(await log.partitions('releases')).toBe(1)
      expect(await log.partitions('erasures')).toBe(1)
    })

    it('obeys a partition that is asked for, and refuses one that does not exist', async () => {
      const wrong = driver.partitions - 1
      const [position] = await log.append([{ ...pairRecord('one', 'a'), partition: wrong }])
      expect(position).toEqual({ topic: 'pairs', partition: wrong, offset: 0 })
      const refused = log.append([{ ...pairRecord('one', 'a'), partition: driver.partitions }])
      await expect(refused).rejects.toMatchObject({ code: 'invalid-request' })
    })

    it('refuses a value that does not match its schema, and appends nothing of the call', async () => {
      const { erasures } = topicValues
      const bad = { ...erasures, imageId: undefined as unknown as string }
      const refused = log.append([
        { topic: 'erasures', key: 'good', value: erasures },
        { topic: 'erasures', key: 'bad', value: bad },
      ])
      await expect(refused).rejects.toMatchObject({
        code: 'invalid-request',
        message: expect.stringContaining('imageId') as string,
      })
      expect(await log.endOffsets('erasures')).toEqual(new Map([[0, 0]]))
    })

    it('is durable: what was acknowledged is there when the log is opened again', async () => {
      await log.append(numbered('one', 5))
      log = await subject.reopen()
      expect(captions(await tailRecords(log, ['pairs'], 5))).toEqual(captionsFrom(5))
    })

    it('acknowledges a thousand concurrent calls, each with a position of its own', async () => {
      const calls = Array.from({ length: 1_000 }, (_, index) =>
        log.append([pairRecord(`image ${index % 50}`, `caption ${index}`)]),
      )
      const positions = (await Promise.all(calls)).flat()
      expect(new Set(positions.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(1_000)
      const records = await tailRecords(log, ['pairs'], 1_000)
      expect(new Set(captions(records)).size).toBe(1_000)
    })

    it('keeps the order of calls that do not wait for one another', async () => {
      await Promise.all(numbered('one', 50).map((record) => log.append([record])))
      expect(captions(await tailRecords(log, ['pairs'], 50))).toEqual(captionsFrom(50))
    })
  })

  describe('reading', () => {
    it('brings back the values of every topic as they were', async () => {
      await log.append([
        { topic: 'pairs', key: 'i:p', value: topicValues.pairs, partition: 0 },
        { topic: 'pairs.indexed', key: 'k', value: topicValues['pairs.indexed'] },
        { topic: 'retraining.requested', key: 'k', value: topicValues['retraining.requested'] },
        { topic: 'models.trained', key: 'k', value: topicValues['models.trained'] },
        { topic: 'releases', key: 'k', value: topicValues.releases },
        { topic: 'erasures', key: 'k', value: topicValues.erasures },
        { topic: 'judgements', key: 'k', value: topicValues.judgements },
        { topic: 'rerankers', key: 'k', value: topicValues.rerankers },
        { topic: 'queries', key: 'k', value: topicValues.queries },
        { topic: 'feedback', key: 'k', value: topicValues.feedback },
        { topic: 'audit', key: 'k', value: topicValues.audit },
      ])
      const all = Object.keys(topicValues) as (keyof TopicValues)[]
      const records = await tailRecords(log, all, all.length)
      expect(Object.fromEntries(records.map(({ topic, value }) => [topic, value]))).toStrictEqual(topicValues)
    })

    it('carries CloudEvents headers, and passes others through', async () => {
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      await log.append([{ ...pairRecord('one', 'a'), partition: 0, headers: { traceparent, ce_source: '/camera' } }])
      const headers = (await log.read('pairs', 0, 0))?.headers
      expect(headers).toMatchObject({
        traceparent,
        ce_source: '/camera',
        ce_specversion: '1.0',
        ce_type: 'pairstream.pairs.v1',
      })
      expect(headers?.['ce_id']).toMatch(/./)
      expect(new Date(headers?.['ce_time'] ?? '').getTime()).not.toBeNaN()
    })

    it('tells a tombstone from a record that cannot be read', async () => {
      const { key } = pairRecord('one', 'a')
      await log.append([{ ...tombstone('one', 'a'), partition: 0 }])
      await subject.appendUnreadable('pairs', 0, key)
      await log.append([{ ...pairRecord('one', 'after'), partition: 0 }])
      const records = await tailRecords(log, ['pairs'], 3)
      expect(records.map(({ value, problem }) => [value?.caption ?? null, problem])).toEqual([
        [null, null],
        [null, 'record-unreadable'],
        ['after', null],
      ])
    })

    it('reads one record by its coordinates, and null where there is none', async () => {
      const [position] = await log.append([pairRecord('one', 'a')])
      const partition = position?.partition ?? -1
      expect((await log.read('pairs', partition, 0))?.value?.caption).toBe('a')
      expect(await log.read('pairs', partition, 1)).toBeNull()
    })

    it('tells the next offset of every partition', async () => {
      const [position] = await log.append([pairRecord('one', 'a')])
      const ends = await log.endOffsets('pairs')
      expect(ends.size).toBe(driver.partitions)
      for (const [partition, end] of ends) expect(end).toBe(partition === position?.partition ? 1 : 0)
    })
  })

  describe('dead records', () => {
    it('are listed oldest first, with key and headers and without a value', async () => {
      const dead = (key: string, cause: string) =>
        ({ topic: 'pairs.dead', key, partition: 1, headers: { cause, attempts: '5' } }) as const
      await log.append([dead('a', 'image-unreadable')])
      await log.append([dead('b', 'wrong-id')])
      const records = await log.dead('pairs')
      expect(records.map(({ key, headers }) => [key, headers['cause'], headers['attempts']])).toEqual([
        ['a', 'image-unreadable', '5'],
        ['b', 'wrong-id', '5'],
      ])
      expect(records[0]).toMatchObject({ topic: 'pairs.dead', partition: 1, offset: 0 })
      expect(records[0]).not.toHaveProperty('value')
      expect(await log.dead('releases')).toEqual([])
    })
  })
}

/** What every driver of the event log guarantees. */
export function eventLogContract(driver: EventLogDriver): void {
  describe('records', () => eventLogRecordsContract(driver))
  describe('consumers', () => eventLogConsumingContract(driver))
  describe('seeking', () => eventLogSeekingContract(driver))
  if (driver.maintains) describe('maintenance', () => eventLogMaintenanceContract(driver))

  it('loses nothing and keeps the order under any interleaving of appends, commits, failures and openings', async () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant('append' as const),
        images: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 }),
      }),
      fc.record({ type: fc.constant('consume' as const), batches: fc.nat({ max: 3 }) }),
      fc.record({ type: fc.constant('reopen' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const own = await driver.create()
        try {
          await interleave(own, steps)
        } finally {
          await own.remove()
        }
      }),
      { numRuns: driver.runs },
    )
  })
}
