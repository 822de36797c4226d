import { afterEach, beforeEach, expect, it } from 'vitest'
import { toAppError } from '../../src/core/errors.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { consumeRecords, promise } from '../fixtures/log-consumers.ts'
import { captions, captionsFrom, numbered, pairRecord } from '../fixtures/pair-events.ts'
import type { EventLogDriver, LogUnderTest } from './event-log-driver.ts'

/** What every driver guarantees to who sends a group back. */
export function eventLogSeekingContract(driver: EventLogDriver): void {
  let subject: LogUnderTest
  let log: EventLog

  beforeEach(async () => {
    subject = await driver.create()
    log = subject.log
  })
  afterEach(() => subject.remove())

  /** Appends numbered pairs of one image and has the group consume them; the partition they are in. */
  async function consumed(count: number): Promise<number> {
    const [position] = await log.append(numbered('one', count))
    await consumeRecords(log, 'readers', 'pairs', count)
    return position?.partition ?? -1
  }

  it('makes a group read again from the offset, however often it is said, also after the log is opened again', async () => {
    const partition = await consumed(5)
    for (let time = 0; time < 2; time++) await log.seekGroup('readers', 'pairs', new Map([[partition, 2]]))
    log = await subject.reopen()
    expect((await log.committedOffsets('readers', 'pairs')).get(partition)).toBe(2)
    expect(captions(await consumeRecords(log, 'readers', 'pairs', 3))).toEqual(captionsFrom(3, 2))
    expect((await log.committedOffsets('readers', 'pairs')).get(partition)).toBe(5)
  })

  it('goes forward too, and leaves other partitions and groups where they are', async () => {
    const partition = await consumed(4)
    await consumeRecords(log, 'others', 'pairs', 4)
    const next = (partition + 1) % driver.partitions
    await log.append([{ ...pairRecord('one', 'elsewhere'), partition: next }])
    await consumeRecords(log, 'readers', 'pairs', 1)
    await log.seekGroup('readers', 'pairs', new Map([[partition, 0]]))
    await log.seekGroup('readers', 'pairs', new Map([[partition, 3]]))
    const committed = await log.committedOffsets('readers', 'pairs')
    expect(committed.get(partition)).toBe(3)
    expect(committed.get(next)).toBe(1)
    expect((await log.committedOffsets('others', 'pairs')).get(partition)).toBe(4)
  })

  it('says where what came at a time, or after it, begins', async () => {
    const times: number[] = []
    const [partition, empty] = [1, 2]
    while (new Set(times).size < 3) {
      const [position] = await log.append([{ ...pairRecord('one', 'a'), partition }])
      times.push((await log.read('pairs', partition, position?.offset ?? -1))?.timestamp ?? Number.NaN)
    }
    const end = times.length
    for (const time of times) {
      const found = await log.offsetsAt('pairs', time)
      expect([found.get(partition), found.get(empty)]).toEqual([times.findIndex((each) => each >= time), 0])
    }
    expect((await log.offsetsAt('pairs', 0)).get(partition)).toBe(0)
    const after = await log.offsetsAt('pairs', Math.max(...times) + 1)
    expect(after).toEqual(await log.endOffsets('pairs'))
    expect([after.get(partition), after.size]).toEqual([end, driver.partitions])
  })

  it.each([
    ['a partition that does not exist', driver.partitions, 0],
    ['an offset before the first', 0, -1],
    ['an offset past the end', 0, 1_000],
    ['half an offset', 0, 0.5],
  ])('refuses %s, and moves nothing', async (_what, partition, offset) => {
    const own = await consumed(3)
    const before = await log.committedOffsets('readers', 'pairs')
    const refused = log.seekGroup(
      'readers',
      'pairs',
      new Map([
        [own, 0],
        [partition, offset],
      ]),
    )
    await expect(refused).rejects.toMatchObject({ code: 'invalid-request' })
    expect(await log.committedOffsets('readers', 'pairs')).toEqual(before)
  })

  it('is followed by members with a batch in hand, or refused while there are any', async () => {
    const partition = (await log.append(numbered('one', 4)))[0]?.partition ?? -1
    const begun = promise()
    const mayEnd = promise()
    const again = promise()
    const seen: number[] = []
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      maxRecords: 2,
      handle: async (records) => {
        seen.push(...records.map(({ offset }) => offset))
        if (seen.length === 4) {
          begun.resolve()
          await mayEnd.promise
        }
        if (seen.length === 8) again.resolve()
      },
    })
    await Promise.race([begun.promise, consumer.done])
    const refusal = await log.seekGroup('readers', 'pairs', new Map([[partition, 0]])).then(() => null, toAppError)
    mayEnd.resolve()
    if (refusal === null) {
      await Promise.race([again.promise, consumer.done])
      expect(seen).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
    } else expect(refusal.code).toBe('group-running')
    await consumer.stop()
    expect((await log.committedOffsets('readers', 'pairs')).get(partition)).toBe(4)
  })
}
