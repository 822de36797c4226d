import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventLog } from '../../src/ports/event-log.ts'
import { consumeRecords, promise, tailRecords } from '../fixtures/log-consumers.ts'
import { captions, captionsFrom, numbered, pairRecord } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import type { EventLogDriver, LogUnderTest } from './event-log-driver.ts'

const nonZero = (offsets: ReadonlyMap<number, number>) => new Map([...offsets].filter(([, offset]) => offset > 0))

/** What every driver guarantees to consumers: groups, and readers that keep their own offsets. */
export function eventLogConsumingContract(driver: EventLogDriver): void {
  let subject: LogUnderTest
  let log: EventLog

  beforeEach(async () => {
    subject = await driver.create()
    log = subject.log
  })
  afterEach(() => subject.remove())

  describe('consuming as a group', () => {
    it('delivers in order within a partition, one batch of it at a time, several partitions at once', async () => {
      const images = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
      for (const image of images) await log.append(numbered(image, 20))
      const inHand = new Set<number>()
      const seen = new Map<number, number>()
      let mostAtOnce = 0
      let handled = 0
      const everything = promise()
      const twoAtOnce = promise()
      const consumer = log.consume('readers', {
        topics: ['pairs'],
        maxRecords: 7,
        partitionsAtOnce: 2,
        handle: async (records) => {
          const partition = records[0]?.partition ?? -1
          expect(records.every((record) => record.partition === partition)).toBe(true)
          expect(records.length).toBeLessThanOrEqual(7)
          expect(inHand.has(partition)).toBe(false)
          inHand.add(partition)
          mostAtOnce = Math.max(mostAtOnce, inHand.size)
          if (inHand.size === 2) twoAtOnce.resolve()
          await twoAtOnce.promise
          for (const { offset } of records) {
            expect(offset).toBe((seen.get(partition) ?? -1) + 1)
            seen.set(partition, offset)
          }
          inHand.delete(partition)
          handled += records.length
          if (handled === images.length * 20) everything.resolve()
        },
      })
      await Promise.race([everything.promise, consumer.done])
      await consumer.stop()
      expect(mostAtOnce).toBe(2)
      expect(await log.committedOffsets('readers', 'pairs')).toEqual(nonZero(await log.endOffsets('pairs')))
    })

    it('says which partitions are to be read by a member, and none once it is stopped', async () => {
      await log.append(numbered('one', 1))
      const handled = promise()
      const consumer = log.consume('readers', { topics: ['pairs'], handle: async () => handled.resolve() })
      await Promise.race([handled.promise, consumer.done])
      const all = Array.from({ length: driver.partitions }, (_, partition) => consumer.reads('pairs', partition))
      expect(all).toEqual(all.map(() => true))
      await consumer.stop()
      expect(all.map((_, partition) => consumer.reads('pairs', partition))).toEqual(all.map(() => false))
    })

    it('delivers again what a handler failed on, and reports the failure', async () => {
      await log.append(numbered('one', 4))
      const failing = log.consume('readers', {
        topics: ['pairs'],
        maxRecords: 2,
        handle: async ([first]) => {
          if (first?.offset === 2) throw new Error('the handler failed')
        },
      })
      await expect(failing.done).rejects.toThrow('the handler failed')
      await failing.stop()
      expect([...(await log.committedOffsets('readers', 'pairs')).values()]).toEqual([2])
      expect(captions(await consumeRecords(log, 'readers', 'pairs', 2))).toEqual(captionsFrom(2, 2))
    })

    it('goes on after the committed offset when the log is opened again', async () => {
      await log.append(numbered('one', 3))
      await consumeRecords(log, 'readers', 'pairs', 3)
      log = await subject.reopen()
      await log.append(numbered('one', 2, 3))
      expect(captions(await consumeRecords(log, 'readers', 'pairs', 2))).toEqual(captionsFrom(2, 3))
    })

    it('lets each group begin at the first record, whatever others have committed', async () => {
      await log.append(numbered('one', 3))
      await consumeRecords(log, 'first', 'pairs', 3)
      expect(captions(await consumeRecords(log, 'second', 'pairs', 3))).toEqual(captionsFrom(3))
      expect([...(await log.groups())].sort()).toEqual(['first', 'second'])
    })

    it('forgets the offsets of a deleted group', async () => {
      await log.append(numbered('one', 3))
      await consumeRecords(log, 'readers', 'pairs', 3)
      await log.deleteGroup('readers')
      expect(await log.groups()).toEqual([])
      expect(await log.committedOffsets('readers', 'pairs')).toEqual(new Map())
      expect(await consumeRecords(log, 'readers', 'pairs', 3)).toHaveLength(3)
    })

    it('hands new records to a consumer that waits', async () => {
      const arrived = promise<string | null | undefined>()
      const consumer = log.consume('readers', {
        topics: ['releases', 'pairs'],
        handle: async ([record]) => {
          if (record?.topic === 'pairs') arrived.resolve(record.value?.caption)
        },
      })
      await log.append([{ topic: 'releases', key: 'x', value: topicValues.releases }])
      await log.append([pairRecord('one', 'new')])
      expect(await arrived.promise).toBe('new')
      await consumer.stop()
    })

    it('lets the batch in hand finish and commit when it is stopped, and takes no other', async () => {
      await log.append(numbered('one', 4))
      const begun = promise<AbortSignal>()
      const mayEnd = promise()
      let batches = 0
      const consumer = log.consume('readers', {
        topics: ['pairs'],
        maxRecords: 2,
        handle: async (_, signal) => {
          batches++
          begun.resolve(signal)
          await mayEnd.promise
        },
      })
      const signal = await begun.promise
      const stopped = consumer.stop()
      expect(signal.aborted).toBe(true)
      mayEnd.resolve()
      await stopped
      await consumer.done
      expect(batches).toBe(1)
      expect([...(await log.committedOffsets('readers', 'pairs')).values()]).toEqual([2])
    })

    it('shares the partitions among the members of a group: every record is handled once, in order', async () => {
      for (let image = 0; image < 12; image++) await log.append(numbered(`image ${image}`, 10))
      const handled: string[] = []
      const inHand = new Set<number>()
      const everything = promise()
      const member = () =>
        log.consume('readers', {
          topics: ['pairs'],
          maxRecords: 3,
          handle: async (records) => {
            const partition = records[0]?.partition ?? -1
            expect(inHand.has(partition)).toBe(false)
            inHand.add(partition)
            await new Promise((resolve) => setImmediate(resolve))
            handled.push(...records.map(({ offset }) => `${partition}/${offset}`))
            inHand.delete(partition)
            if (handled.length >= 120) everything.resolve()
          },
        })
      const members = [member(), member()]
      await Promise.race([everything.promise, ...members.map(({ done }) => done)])
      await Promise.all(members.map((consumer) => consumer.stop()))
      expect(handled).toHaveLength(120)
      expect(new Set(handled).size).toBe(120)
    })
  })

  describe('tailing', () => {
    it('reads from the offsets that the caller keeps, and commits nothing', async () => {
      const [position] = await log.append(numbered('one', 4))
      const from = new Map([[position?.partition ?? -1, 1]])
      expect(captions(await tailRecords(log, ['pairs'], 3, () => from))).toEqual(captionsFrom(3, 1))
      expect(await log.groups()).toEqual([])
    })

    it('keeps the order within a partition although it handles several at once', async () => {
      for (let image = 0; image < 8; image++) await log.append(numbered(`image ${image}`, 10))
      const seen = new Map<number, number>()
      const inHand = new Set<number>()
      const all = promise()
      let handled = 0
      const consumer = log.tail(() => new Map(), {
        topics: ['pairs'],
        maxRecords: 3,
        partitionsAtOnce: 3,
        handle: async (records) => {
          const partition = records[0]?.partition ?? -1
          expect(inHand.has(partition)).toBe(false)
          inHand.add(partition)
          await new Promise((resolve) => setImmediate(resolve))
          for (const { offset } of records) {
            expect(offset).toBe((seen.get(partition) ?? -1) + 1)
            seen.set(partition, offset)
          }
          inHand.delete(partition)
          handled += records.length
          if (handled === 80) all.resolve()
        },
      })
      await Promise.race([all.promise, consumer.done])
      await consumer.stop()
      expect(handled).toBe(80)
    })

    it('follows several topics, one topic and partition a batch', async () => {
      await log.append([
        { topic: 'releases', key: 'x', value: topicValues.releases },
        pairRecord('one', 'a'),
        { topic: 'erasures', key: 'p', value: topicValues.erasures },
      ])
      const batches: string[][] = []
      const all = promise()
      const consumer = log.tail(() => new Map(), {
        topics: ['pairs', 'releases', 'erasures'],
        handle: async (records) => {
          batches.push(records.map(({ topic }) => topic))
          if (batches.length === 3) all.resolve()
        },
      })
      await Promise.race([all.promise, consumer.done])
      await consumer.stop()
      expect(batches.flat().sort()).toEqual(['erasures', 'pairs', 'releases'])
    })
  })
}
