import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PairIndexed, TopicValues } from '../../src/core/events.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { consumeRecords, tailRecords } from '../fixtures/log-consumers.ts'
import { pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import type { EventLogDriver, LogUnderTest } from './event-log-driver.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const begin = 1_700_000_000_000

const indexed: PairIndexed = {
  pairId: 'p',
  imageId: 'i',
  generation: 'g1',
  modelVersion: 'm-1',
  publishedAt: begin,
  embeddedAt: begin,
  indexedAt: begin,
}

/** What `maintain` guarantees where the driver does compaction and retention itself. */
export function eventLogMaintenanceContract(driver: EventLogDriver): void {
  let subject: LogUnderTest
  let log: EventLog
  let now: number

  beforeEach(async () => {
    now = begin
    subject = await driver.create(() => now)
    log = subject.log
  })
  afterEach(() => subject.remove())

  describe('compaction of judgements', () => {
    it('keeps the newest record of every key, and of no other topic touches any', async () => {
      const judgement = (key: string, relevance: number) => ({ topic: 'judgements', key, value: { ...topicValues.judgements, relevance } }) as const // prettier-ignore
      await log.append([judgement('a', 0.1), judgement('a', 0.2), judgement('b', 0.3)])
      const other = { topic: 'rerankers', key: 'a', value: topicValues.rerankers } as const
      await log.append([other, other, pairRecord('one', 'a')])
      await log.maintain(now + 2 * 60 * MINUTE)
      const records = await tailRecords(log, ['judgements'], 2)
      expect(records.map(({ value }) => value?.relevance).sort()).toEqual([0.2, 0.3])
      expect(await tailRecords(log, ['rerankers'], 2)).toHaveLength(2)
      expect(await tailRecords(log, ['pairs'], 1)).toHaveLength(1)
    })
  })

  describe('compaction of pairs', () => {
    it('keeps the newest record of every key', async () => {
      await log.append([pairRecord('one', 'a'), pairRecord('one', 'b'), pairRecord('one', 'a'), pairRecord('one', 'c')])
      await log.maintain(now + 2 * 60 * MINUTE)
      const records = await tailRecords(log, ['pairs'], 3)
      expect(records.map(({ offset, value }) => [offset, value?.caption])).toEqual([
        [1, 'b'],
        [2, 'a'],
        [3, 'c'],
      ])
    })

    it('leaves superseded records of the last hour alone', async () => {
      const [first] = await log.append([pairRecord('one', 'a'), pairRecord('one', 'a')])
      await log.maintain(now + 59 * MINUTE)
      expect(await log.read('pairs', first?.partition ?? -1, 0)).not.toBeNull()
      await log.maintain(now + 61 * MINUTE)
      expect(await log.read('pairs', first?.partition ?? -1, 0)).toBeNull()
    })

    it('drops what a tombstone erased, and the tombstone itself after 30 days', async () => {
      const [position] = await log.append([pairRecord('one', 'a'), tombstone('one', 'a')])
      const partition = position?.partition ?? -1
      await log.maintain(now + 29 * DAY)
      expect(await log.read('pairs', partition, 0)).toBeNull()
      expect(await log.read('pairs', partition, 1)).toMatchObject({ value: null, problem: null })
      await log.maintain(now + 31 * DAY)
      expect(await log.read('pairs', partition, 1)).toBeNull()
    })

    it('does not bring a value back when value and tombstone are both old', async () => {
      const [position] = await log.append([pairRecord('one', 'a'), tombstone('one', 'a')])
      await log.maintain(now + 31 * DAY)
      const partition = position?.partition ?? -1
      expect([await log.read('pairs', partition, 0), await log.read('pairs', partition, 1)]).toEqual([null, null])
    })

    it('keeps pairs for ever that nothing supersedes', async () => {
      const [position] = await log.append([pairRecord('one', 'a')])
      await log.maintain(now + 3_000 * DAY)
      expect(await log.read('pairs', position?.partition ?? -1, 0)).not.toBeNull()
    })

    it('gives no offset twice, also when the newest records are gone', async () => {
      await log.append([pairRecord('one', 'a'), tombstone('one', 'a')])
      await log.maintain(now + 31 * DAY)
      log = await subject.reopen()
      const [position] = await log.append([pairRecord('one', 'b')])
      expect(position?.offset).toBe(2)
    })

    it('lets a group pass what is gone, up to the end', async () => {
      await log.append([pairRecord('one', 'a'), pairRecord('one', 'b'), tombstone('one', 'b')])
      await log.maintain(now + 31 * DAY)
      expect(await consumeRecords(log, 'readers', 'pairs', 1)).toHaveLength(1)
      await log.append([pairRecord('one', 'c')])
      expect((await consumeRecords(log, 'readers', 'pairs', 1)).map(({ offset }) => offset)).toEqual([3])
      expect([...(await log.committedOffsets('readers', 'pairs')).values()]).toEqual([4])
    })
  })

  describe('retention by time', () => {
    it('keeps indexed pairs for 7 days', async () => {
      const append = (key: string) => log.append([{ topic: 'pairs.indexed', key, value: indexed, partition: 0 }])
      await append('old')
      now += 5 * DAY
      await append('young')
      await log.maintain(begin + 8 * DAY)
      expect(await log.read('pairs.indexed', 0, 0)).toBeNull()
      expect((await log.read('pairs.indexed', 0, 1))?.key).toBe('young')
    })

    it('keeps dead records for 14 days', async () => {
      const append = (key: string) => log.append([{ topic: 'pairs.dead', key, partition: 0, headers: {} }])
      await append('old')
      now += 5 * DAY
      await append('young')
      await log.maintain(begin + 13 * DAY)
      expect((await log.dead('pairs')).map(({ key }) => key)).toEqual(['old', 'young'])
      await log.maintain(begin + 15 * DAY)
      expect((await log.dead('pairs')).map(({ key }) => key)).toEqual(['young'])
    })

    it('keeps queries for 90 days, and forgets one within the hour that a tombstone takes back', async () => {
      const append = (key: string, value: TopicValues['queries'] | null) =>
        log.append([{ topic: 'queries', key, value, partition: 0 }])
      await append('kept', topicValues.queries)
      await append('forgotten', topicValues.queries)
      await append('forgotten', null)
      await log.maintain(now + 61 * MINUTE)
      expect((await log.read('queries', 0, 0))?.key).toBe('kept')
      expect(await log.read('queries', 0, 1)).toBeNull()
      now += 89 * DAY
      await append('young', topicValues.queries)
      await log.maintain(begin + 91 * DAY)
      expect(await log.read('queries', 0, 0)).toBeNull()
      expect((await log.read('queries', 0, 3))?.key).toBe('young')
    })

    it('keeps releases and receipts for ever', async () => {
      const erased = { pairId: 'p', imageId: 'i', state: 'done', requestedBy: 'x', at: 1, logCleanBy: 2 }
      await log.append([{ topic: 'erasures', key: 'p', value: erased }])
      await log.maintain(now + 3_000 * DAY)
      expect(await log.read('erasures', 0, 0)).not.toBeNull()
    })
  })

  it('runs beside appends and consumers, which lose nothing', async () => {
    const rounds = 20
    const appended: string[] = []
    const maintained = (async () => {
      for (let round = 0; round < rounds; round++) await log.maintain(now)
    })()
    for (let round = 0; round < rounds; round++) {
      const caption = `caption ${round}`
      await log.append([pairRecord('one', caption)])
      appended.push(caption)
      now += 60 * MINUTE
    }
    await maintained
    const records = await consumeRecords(log, 'readers', 'pairs', rounds)
    expect(records.map(({ value }) => value?.caption)).toEqual(appended)
  })
}
