import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import { toAppError } from '../../src/core/errors.ts'
import type { EventLog, LogRecord, Position } from '../../src/ports/event-log.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { numbered, pairRecord } from '../fixtures/pair-events.ts'
import { ownOptions } from './kafka-fixture.ts'
import { startProxiedBroker, type ProxiedBroker } from './proxied-broker.ts'

let server: ProxiedBroker
let broker: ProxiedBroker['broker']
let proxy: ProxiedBroker['proxy']
let options: KafkaLogOptions
let log: EventLog

beforeAll(async () => {
  server = await startProxiedBroker()
  ;({ broker, proxy } = server)
})
afterAll(() => server.close())
beforeEach(async () => {
  options = ownOptions(
    { kafka: broker.address, registry: inject('servers').registry },
    { limits: { deadline: 10_000 } },
  )
  log = await createKafkaLog(options)
})
afterEach(async () => {
  proxy.mend()
  await log.close()
})

const sumOf = (offsets: ReadonlyMap<number, number>) => [...offsets.values()].reduce((sum, offset) => sum + offset, 0)

describe('the Kafka log and a broker that goes away', () => {
  it('loses nothing that was acknowledged when the broker is killed while it produces and consumes', async () => {
    const acknowledged = new Map<string, Position>()
    const consumed = new Map<string, number>()
    let unconfirmed = 0
    let isOver = false
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (records: readonly LogRecord<'pairs'>[]) => {
        for (const { value } of records) {
          consumed.set(value?.caption ?? '', (consumed.get(value?.caption ?? '') ?? 0) + 1)
        }
      },
    })
    const produce = async (): Promise<void> => {
      for (let round = 0; !isOver; round++) {
        const records = Array.from({ length: 10 }, (_, index) => pairRecord(`image ${index}`, `${round}/${index}`))
        const outcomes = await Promise.all(records.map((record) => log.append([record]).catch(toAppError)))
        outcomes.forEach((outcome, index) => {
          if (Array.isArray(outcome)) acknowledged.set(records[index]?.value?.caption ?? '', outcome[0] as Position)
          else unconfirmed++
        })
        await delay(5)
      }
    }
    const produced = produce()
    for (let kill = 0; kill < 2; kill++) {
      const seen = consumed.size
      await vi.waitUntil(() => consumed.size > seen + 200, { timeout: 30_000 })
      await broker.kill()
      await delay(500)
      await broker.start()
    }
    const seen = consumed.size
    await vi.waitUntil(() => consumed.size > seen + 200, { timeout: 30_000 })
    isOver = true
    await produced
    await vi.waitUntil(async () => {
      const [committed, ends] = [await log.committedOffsets('readers', 'pairs'), await log.endOffsets('pairs')]
      return sumOf(committed) === sumOf(ends)
    })
    await consumer.stop()
    const lost = [...acknowledged.keys()].filter((caption) => !consumed.has(caption))
    const repeated = [...consumed.values()].filter((times) => times > 1).length
    console.log(
      `acknowledged ${acknowledged.size}, consumed ${consumed.size}, unconfirmed ${unconfirmed}, repeated ${repeated}, lost ${lost.length}`,
    )
    expect(lost).toEqual([])
    expect(new Set([...acknowledged.values()].map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(
      acknowledged.size,
    )
  })

  it('says publish-unconfirmed once the deadline has passed, and goes on when the broker is back', async () => {
    await log.close()
    log = await createKafkaLog({ ...options, limits: { deadline: 1_500 } })
    const [before] = await log.append(numbered('one', 1))
    proxy.cut()
    const begunAt = performance.now()
    const outcomes = await Promise.all(numbered('one', 20).map((record) => log.append([record]).catch(toAppError)))
    const waited = performance.now() - begunAt
    expect(outcomes.map((outcome) => ('code' in outcome ? outcome.code : 'acknowledged'))).toEqual(
      Array.from({ length: 20 }, () => 'publish-unconfirmed'),
    )
    expect(waited).toBeGreaterThan(1_000)
    expect(waited).toBeLessThan(3_000)
    await expect(log.endOffsets('pairs')).rejects.toMatchObject({ code: 'log-unavailable' })
    proxy.mend()
    const [after] = await log.append([pairRecord('one', 'after')])
    expect(after?.offset).toBeGreaterThan(before?.offset ?? Number.NaN)
    await delay(3_000) // what was given up stays given up
    expect((await log.endOffsets('pairs')).get(after?.partition ?? -1)).toBe((after?.offset ?? 0) + 1)
  })

  it('answers in time too when the network swallows everything', async () => {
    await log.close()
    log = await createKafkaLog({ ...options, limits: { deadline: 1_500 } })
    await log.append(numbered('one', 1))
    proxy.freeze()
    const begunAt = performance.now()
    await expect(log.append(numbered('one', 1))).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    expect(performance.now() - begunAt).toBeLessThan(3_000)
    proxy.mend()
    await log.append([pairRecord('one', 'after')])
  })

  it('closes in a few seconds with records on their way when the network swallows everything', async () => {
    await log.append(numbered('one', 1))
    proxy.freeze()
    const sent = log.append(numbered('one', 1)).then(() => null, toAppError)
    const begunAt = performance.now()
    await log.close()
    expect(performance.now() - begunAt).toBeLessThan(5_000)
    expect((await sent)?.code).toBe('publish-unconfirmed')
  })

  it('takes no more than a bounded number of records that wait', async () => {
    await log.close()
    log = await createKafkaLog({ ...options, limits: { deadline: 3_000, records: 50 } })
    proxy.cut()
    const outcomes = await Promise.all(
      numbered('one', 80).map(async (record) => {
        const begunAt = performance.now()
        const error = await log.append([record]).then(() => null, toAppError)
        return { code: error?.code, waited: performance.now() - begunAt }
      }),
    )
    expect(outcomes.every(({ code }) => code === 'publish-unconfirmed')).toBe(true)
    expect(outcomes.filter(({ waited }) => waited < 1_000).length).toBeGreaterThanOrEqual(30)
  })

  it('raises the signal of a member that is cut off for longer than its session, and hands its records to another', async () => {
    await log.append(numbered('one', 1))
    const begun = promise<AbortSignal>()
    const mayEnd = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (_, signal) => {
        begun.resolve(signal)
        await mayEnd.promise
      },
    })
    const signal = await begun.promise
    proxy.cut()
    await vi.waitUntil(() => signal.aborted, { timeout: 20_000 })
    proxy.mend()
    const other = await createKafkaLog(options)
    const again = promise<number>()
    const second = other.consume('readers', {
      topics: ['pairs'],
      handle: async ([record]) => again.resolve(record?.offset ?? -1),
    })
    mayEnd.resolve()
    await vi.waitUntil(async () => sumOf(await other.committedOffsets('readers', 'pairs')) === 1, { timeout: 30_000 })
    await Promise.all([consumer.stop(), second.stop()])
    await other.close()
  })

  it.each([
    ['the broker is away', () => proxy.cut()],
    ['the network swallows everything', () => proxy.freeze()],
  ])('stops within ten seconds although %s', async (_, disturb) => {
    await log.append(numbered('one', 1))
    const begun = promise()
    const mayEnd = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async () => {
        begun.resolve()
        await mayEnd.promise
      },
    })
    await begun.promise
    disturb()
    mayEnd.resolve()
    const begunAt = performance.now()
    await consumer.stop()
    await log.close()
    expect(performance.now() - begunAt).toBeLessThan(10_000)
  })
})
