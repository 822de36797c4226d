import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import type { Consumer, EventLog, LogRecord } from '../../src/ports/event-log.ts'
import { runScript } from '../fixtures/child-process.ts'
import { difference, repeated } from '../fixtures/fault-findings.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { numbered, pairRecord } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { membersOf, ownOptions, removeTopics } from './kafka-fixture.ts'

const SESSION = 6_000
let options: KafkaLogOptions
let log: EventLog

beforeEach(async () => {
  options = ownOptions(inject('servers'), { sessionTimeout: SESSION })
  log = await createKafkaLog(options)
})
afterEach(async () => {
  await log.close()
  await removeTopics(options)
})

const place = ({ partition, offset }: Pick<LogRecord, 'partition' | 'offset'>) => `${partition}/${offset}`
const sumOf = (offsets: ReadonlyMap<number, number>) => [...offsets.values()].reduce((sum, offset) => sum + offset, 0)

/** Appends `count` pairs of each of as many images as it takes to have some in every partition; gives their places. */
async function appendEverywhere(count: number): Promise<string[]> {
  const appended: string[] = []
  for (let image = 0; [...(await log.endOffsets('pairs')).values()].includes(0); image++) {
    appended.push(...(await log.append(numbered(`image ${image}`, count))).map(place))
  }
  return appended
}

/** A member that notes which partitions it got records of. */
function member(own: EventLog, handle: (records: readonly LogRecord<'pairs'>[], signal: AbortSignal) => Promise<void>) {
  return own.consume('workers', { topics: ['pairs'], maxRecords: 5, partitionsAtOnce: 4, handle })
}

describe('a group of Kafka consumers', () => {
  it('loses nothing and commits nothing twice when a rebalance comes in the middle of a batch', async () => {
    const appended = await appendEverywhere(10)
    const total = appended.length
    const begun = promise()
    const mayEnd = promise()
    const late: { signal: AbortSignal; partition: number }[] = []
    /** What the first ended while it still had the partition. */
    const ended: string[] = []
    const first = member(log, async (records, signal) => {
      late.push({ signal, partition: records[0]?.partition ?? -1 })
      if (late.length === 4) begun.resolve()
      await mayEnd.promise // longer than any rebalance waits for
      if (!signal.aborted) ended.push(...records.map(place))
    })
    await begun.promise
    const other = await createKafkaLog(options)
    const seen: string[] = []
    const second = member(other, async (records) => void seen.push(...records.map(place)))
    await vi.waitUntil(() => late.some(({ signal }) => signal.aborted) && seen.length > 0, { timeout: 30_000 })
    const lost = late.filter(({ signal }) => signal.aborted).map(({ partition }) => partition)
    expect(lost).toHaveLength(2) // two of four partitions moved, two stayed
    await vi.waitUntil(async () => {
      const [committed, ends] = [await log.committedOffsets('workers', 'pairs'), await log.endOffsets('pairs')]
      return lost.every((partition) => committed.get(partition) === ends.get(partition))
    })
    const before = await log.committedOffsets('workers', 'pairs')
    mayEnd.resolve() // now the first ends batches of partitions that are not its own any more
    await vi.waitUntil(async () => sumOf(await log.committedOffsets('workers', 'pairs')) === total, { timeout: 30_000 })
    for (const partition of lost) {
      expect((await log.committedOffsets('workers', 'pairs')).get(partition)).toBe(before.get(partition))
    }
    const handled = [...ended, ...seen]
    const missing = difference(appended, handled)
    const twice = repeated(handled)
    console.log(
      `acknowledged ${total}, found ${total - missing.length}, lost ${missing.length}, duplicated ${twice.length}: ` +
        `${ended.length} by the first, ${seen.length} by the second`,
    )
    expect({ missing, twice }).toEqual({ missing: [], twice: [] })
    expect(Math.min(ended.length, seen.length)).toBeGreaterThan(0)
    await Promise.all([first.stop(), second.stop()])
    await other.close()
  })

  it('leaves a member its partition through work much longer than the session', async () => {
    await log.append([{ topic: 'retraining.requested', key: 'k', value: topicValues['retraining.requested'] }])
    const deliveries: number[] = []
    const begun = promise()
    const trained = promise()
    const consumer = log.consume('train', {
      topics: ['retraining.requested'],
      handle: async ([record], signal) => {
        deliveries.push(record?.offset ?? -1)
        begun.resolve()
        await delay(SESSION * 2)
        expect(signal.aborted).toBe(false)
        trained.resolve()
      },
    })
    await begun.promise
    // A second trainer, started by mistake, waits.
    const other = await createKafkaLog(options)
    const idle = other.consume('train', {
      topics: ['retraining.requested'],
      handle: async ([record]) => void deliveries.push(record?.offset ?? -1),
    })
    await Promise.race([trained.promise, consumer.done])
    await consumer.stop()
    expect(deliveries).toEqual([0])
    expect(await log.committedOffsets('train', 'retraining.requested')).toEqual(new Map([[0, 1]]))
    // When the first has gone, the second takes over.
    await log.append([{ topic: 'retraining.requested', key: 'l', value: topicValues['retraining.requested'] }])
    await vi.waitUntil(() => deliveries.length === 2, { timeout: 10_000 })
    expect(deliveries).toEqual([0, 1])
    await idle.stop()
    await other.close()
  })

  it('shares the work between two processes, and one takes over when the other is killed', async () => {
    const total = (await appendEverywhere(40)).length
    const one = runScript('kafka-member.ts', JSON.stringify(options))
    const two = runScript('kafka-member.ts', JSON.stringify(options))
    await Promise.all([one.printed(20), two.printed(20)])
    const more = Promise.all(Array.from({ length: 200 }, (_, index) => log.append([pairRecord(`image ${index}`, 'x')])))
    const killedAt = performance.now()
    one.process.kill('SIGKILL')
    await more
    const all = total + 200
    await vi.waitUntil(async () => sumOf(await log.committedOffsets('workers', 'pairs')) === all, { timeout: 60_000 })
    const takeover = Math.round(performance.now() - killedAt)
    const handled = new Set([...one.lines, ...two.lines])
    const repeated = one.lines.length + two.lines.length - handled.size
    console.log(`acknowledged ${all}, handled ${handled.size}, repeated ${repeated}, after the kill ${takeover} ms`)
    expect(handled.size).toBe(all)
    two.process.kill('SIGKILL')
    await Promise.all([one.ended, two.ended])
  })

  it('gives up the partitions of a member that was stopped at once, not after the session', async () => {
    await appendEverywhere(1)
    const consumers: Consumer[] = []
    const got = promise()
    consumers.push(member(log, async () => got.resolve()))
    await got.promise
    await consumers[0]?.stop()
    const begunAt = performance.now()
    await appendEverywhere(1)
    await log.append(numbered('one', 1))
    const again = promise()
    const next = member(log, async () => again.resolve())
    await again.promise
    expect(performance.now() - begunAt).toBeLessThan(SESSION / 2)
    await next.stop()
  })

  it('commits a batch that is done only long after it was told to stop', async () => {
    await log.append(numbered('one', 1))
    const begun = promise()
    const consumer = member(log, async () => {
      begun.resolve()
      await delay(3_000)
    })
    await begun.promise
    await consumer.stop()
    expect(sumOf(await log.committedOffsets('workers', 'pairs'))).toBe(1)
  })

  it('leaves a batch that is not done in time after a stop to another member, and does not commit it', async () => {
    await log.append(numbered('one', 1))
    const [begun, mayEnd] = [promise(), promise()]
    const consumer = member(log, async () => {
      begun.resolve()
      await mayEnd.promise // longer than who has told it to stop will wait
    })
    await begun.promise
    const begunAt = performance.now()
    const stopped = consumer.stop()
    const other = await createKafkaLog(options)
    const [again, mayEndAgain] = [promise(), promise()]
    const next = member(other, async () => {
      again.resolve()
      await mayEndAgain.promise
    })
    await again.promise
    expect(performance.now() - begunAt).toBeLessThan(SESSION + 7_000)
    mayEnd.resolve()
    await stopped
    expect(sumOf(await log.committedOffsets('workers', 'pairs'))).toBe(0)
    mayEndAgain.resolve()
    await next.stop()
    expect(sumOf(await log.committedOffsets('workers', 'pairs'))).toBe(1)
    await other.close()
  })

  it('leaves nobody behind who stops while one is waited for that was killed', async () => {
    await log.append(numbered('one', 1))
    const own = { ...options, sessionTimeout: 20_000 }
    const killed = runScript('kafka-member.ts', JSON.stringify(own))
    await killed.printed(1)
    const members = async () => {
      const [group, topic] = [`${options.prefix ?? ''}workers`, `${options.prefix ?? ''}pairs`]
      return [...(await membersOf(options.brokers, group, topic)).keys()]
    }
    const before = await members()
    killed.process.kill('SIGKILL')
    await killed.ended
    const other = await createKafkaLog(own)
    const second = member(other, async () => undefined)
    await vi.waitUntil(async () => (await members()).length === 2, { timeout: 10_000 })
    await second.stop()
    expect(await members()).toEqual(before)
    await other.close()
  })
})
