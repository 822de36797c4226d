import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import type { EventLog, LogRecord } from '../../src/ports/event-log.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { foreignClient, ownOptions, removeTopics, withForeignAdmin } from './kafka-fixture.ts'

let options: KafkaLogOptions
let warnings: string[]
let log: EventLog

beforeEach(async () => {
  warnings = []
  options = ownOptions(inject('servers'), {
    onLog: (level, message) => {
      // Partitions of a topic that was just created may change their leader once more.
      if (level === 'warn' && message.startsWith('Fetching') && !message.includes('not the leader'))
        warnings.push(message)
    },
  })
  log = await createKafkaLog(options)
})
afterEach(async () => {
  await log.close()
  await removeTopics(options)
})

const topic = () => `${options.prefix ?? ''}pairs`
const inPartition = (partition: number, caption: string) => ({ ...pairRecord('one', caption), partition })

/** What a group is given until so many records came. */
async function consumed(count: number): Promise<LogRecord<'pairs'>[]> {
  const records: LogRecord<'pairs'>[] = []
  const enough = promise()
  const consumer = log.consume('readers', {
    topics: ['pairs'],
    handle: async (batch) => {
      records.push(...batch)
      if (records.length >= count) enough.resolve()
    },
  })
  await Promise.race([enough.promise, consumer.done])
  await consumer.stop()
  return records
}

describe('the Kafka log and records that are not ours', () => {
  it('passes a record with very many headers on in its turn, as unreadable, and holds nothing up', async () => {
    const producer = foreignClient(options.brokers).producer()
    await producer.connect()
    const headers = Object.fromEntries(Array.from({ length: 8_000 }, (_, index) => [`h${index}`, 'v']))
    await producer.send({ topic: topic(), messages: [{ partition: 0, key: 'k', value: 'v', headers }] })
    await producer.disconnect()
    await log.append([inPartition(0, 'after')])
    const longest = { block: 0 }
    let last = performance.now()
    const ticks = setInterval(() => {
      longest.block = Math.max(longest.block, performance.now() - last)
      last = performance.now()
    }, 10)
    const records = await consumed(2)
    clearInterval(ticks)
    expect(records.map(({ problem, value }) => problem ?? value?.caption)).toEqual(['record-unreadable', 'after'])
    expect(longest.block).toBeLessThan(2_000)
    expect(warnings).toEqual([])
  })
})

describe('the Kafka log where it has lost its end', () => {
  /** Said until it is so: kafkajs commits nothing where its first fetch fails. */
  const commit = (partition: number, offset: number) =>
    expect
      .poll(
        async () => {
          await withForeignAdmin(options.brokers, (admin) =>
            admin.setOffsets({
              groupId: `${options.prefix ?? ''}readers`,
              topic: topic(),
              partitions: [{ partition, offset: String(offset) }],
            }),
          )
          return (await log.committedOffsets('readers', 'pairs')).get(partition)
        },
        { timeout: 30_000 },
      )
      .toBe(offset)

  it('begins anew with what there is for a group, says so, and goes on in the other partitions', async () => {
    await log.append([inPartition(0, 'there'), inPartition(1, 'elsewhere')])
    await commit(0, 1_000)
    const records = await consumed(2)
    expect(records.map(({ value }) => value?.caption).sort()).toEqual(['elsewhere', 'there'])
    expect(warnings).toEqual([expect.stringMatching(/pairs, partition 0, ends before offset 1000/)])
    expect((await log.committedOffsets('readers', 'pairs')).get(0)).toBe(1)
  })

  it('commits the beginning where there is nothing', async () => {
    await log.append([inPartition(1, 'elsewhere')])
    await commit(0, 1_000)
    await consumed(1)
    const consumer = log.consume('readers', { topics: ['pairs'], handle: async () => undefined })
    await expect.poll(async () => (await log.committedOffsets('readers', 'pairs')).get(0), { timeout: 20_000 }).toBe(0)
    await consumer.stop()
  })

  it('tells a tail, which goes on in the other partitions or ends as it likes', async () => {
    await log.append([inPartition(0, 'there'), inPartition(1, 'elsewhere')])
    const from = () => new Map([[0, 1_000]])
    const read = promise<LogRecord<'pairs'>>()
    const told = promise<readonly [string, number]>()
    const patient = log.tail(from, {
      topics: ['pairs'],
      handle: async ([record]) => {
        if (record !== undefined) read.resolve(record)
      },
      onTruncated: (...place) => told.resolve(place),
    })
    expect(await told.promise).toEqual(['pairs', 0])
    expect((await read.promise).value?.caption).toBe('elsewhere')
    await patient.stop()
    const ending = log.tail(from, {
      topics: ['pairs'],
      handle: async () => undefined,
      onTruncated() {
        throw new Error('begun anew')
      },
    })
    await expect(ending.done).rejects.toThrow('begun anew')
  })

  it('has an identity by the cluster and the prefix', async () => {
    const other = await createKafkaLog(ownOptions(inject('servers'), { prefix: `${options.prefix ?? ''}b.` }))
    expect(await log.identity()).toBe(await log.identity())
    expect(await other.identity()).not.toBe(await log.identity())
    await other.close()
  })
})
