import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { checkKafka, createKafkaLog } from '../../src/adapters/event-log/kafka.ts'
import { toAppError } from '../../src/core/errors.ts'
import type { EventLog, Position } from '../../src/ports/event-log.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { startKafkaCluster, type KafkaBroker } from './kafka.ts'
import { ownOptions, readForeign, withForeignAdmin } from './kafka-fixture.ts'

const PRODUCERS = 4
const PATIENCE = { timeout: 20_000, interval: 100 }
let folder: string
let brokers: readonly KafkaBroker[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
  brokers = await startKafkaCluster(folder)
})
afterAll(async () => {
  await Promise.all(brokers.map((broker) => broker.kill()))
  await rm(folder, { recursive: true, force: true })
})

/** Whether the broker of this number leads a partition of the topic. */
const leads = (node: number, addresses: readonly string[], topic: string): Promise<boolean> =>
  withForeignAdmin(addresses, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics.some(({ partitions }) => partitions.some(({ leader }) => leader === node))
  })

/** Appends one record a call without end, 10 calls at a time, and keeps what became of each by the record's key. */
async function appendUntil(isOver: () => boolean, name: string, log: EventLog, outcomes: Map<string, Position | null>) {
  for (let round = 0; !isOver(); round++) {
    await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const record = pairRecord(`${name}/${index}`, `${round}`)
        const positions = await log.append([record]).catch(() => [])
        outcomes.set(record.key, positions[0] ?? null)
      }),
    )
    await delay(5)
  }
}

describe('the Kafka log and leaders that move', () => {
  it('loses nothing that was acknowledged, and writes nothing twice', async () => {
    const addresses = brokers.map(({ address }) => address)
    const options = ownOptions(
      { kafka: addresses[0] ?? '', registry: inject('servers').registry },
      { brokers: addresses, partitions: 6, replication: { factor: 3, minimumInSync: 2 } },
    )
    const topic = `${options.prefix ?? ''}pairs`
    const log = await createKafkaLog(options)
    const outcomes = new Map<string, Position | null>()
    let isOver = false
    const producing = Promise.all(
      Array.from({ length: PRODUCERS }, (_, index) => appendUntil(() => isOver, String(index), log, outcomes)),
    )
    let moves = 0
    try {
      for (const [index, broker] of brokers.entries()) {
        const others = addresses.filter((address) => address !== broker.address)
        const node = index + 1
        const before = outcomes.size
        await broker.kill()
        await vi.waitFor(async () => expect(await leads(node, others, topic)).toBe(false), PATIENCE)
        await broker.start()
        await vi.waitFor(async () => expect(await leads(node, addresses, topic)).toBe(true), PATIENCE)
        await vi.waitUntil(() => outcomes.size > before + 200, { timeout: 20_000 })
        moves += 2
      }
    } finally {
      isOver = true
      await producing
      await log.close()
    }

    const found = new Map<string, string[]>()
    for (const { partition, offset, key } of await readForeign(addresses, topic))
      found.set(key, [...(found.get(key) ?? []), `${partition}/${offset}`])
    const acknowledged = [...outcomes].filter((outcome): outcome is [string, Position] => outcome[1] !== null)
    const lost = acknowledged.filter(([key]) => !found.has(key))
    const doubled = [...found].filter(([, places]) => places.length > 1)
    console.log(
      `moves ${moves}, acknowledged ${acknowledged.length}, unconfirmed ${outcomes.size - acknowledged.length}, ` +
        `found ${found.size}, lost ${lost.length}, duplicated ${doubled.length}`,
    )
    expect(lost).toEqual([])
    expect(doubled).toEqual([])
    for (const [key, { partition, offset }] of acknowledged) expect(found.get(key)).toEqual([`${partition}/${offset}`])
  })
})

/** The leader of each partition of a topic, in their order. */
const leadersOf = (addresses: readonly string[], topic: string): Promise<number[]> =>
  withForeignAdmin(addresses, async (admin) => {
    const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
    return [...(found?.partitions ?? [])]
      .sort((one, other) => one.partitionId - other.partitionId)
      .map(({ leader }) => leader)
  })

describe('the Kafka log and partitions without a leader', () => {
  it('goes on with the other partitions, and with these once they have a leader', async () => {
    const addresses = brokers.map(({ address }) => address)
    const options = ownOptions(
      { kafka: addresses[0] ?? '', registry: inject('servers').registry },
      { brokers: addresses, partitions: 6, limits: { deadline: 4_000 } },
    )
    const topic = `${options.prefix ?? ''}pairs`
    const log = await createKafkaLog(options)
    const consumed = new Set<string>()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (records) => records.forEach(({ key }) => consumed.add(key)),
    })
    const recordOf = (partition: number, name: string) => ({ ...pairRecord(`${name}/${partition}`, name), partition })
    const append = (partitions: readonly number[], name: string) =>
      Promise.all(partitions.map((partition) => log.append([recordOf(partition, name)])))
    const refusalOf = (partitions: readonly number[], name: string) =>
      append(partitions, name).then(() => null, toAppError)
    const arrived = (partitions: readonly number[], name: string) =>
      vi.waitUntil(() => partitions.every((partition) => consumed.has(recordOf(partition, name).key)), PATIENCE)
    const leaders = await leadersOf(addresses, topic)
    const all = leaders.map((_, partition) => partition)
    const away = all.filter((partition) => leaders[partition] === leaders[0])
    const there = all.filter((partition) => !away.includes(partition))
    const killed = (leaders[0] ?? 0) - 1
    const leaderless = `${topic} has no leader for partition ${away.join(', ')}:`
    const survivors = { ...options, brokers: addresses.filter((_, index) => index !== killed) }

    await append(all, 'before')
    await arrived(all, 'before')
    await brokers[killed]?.kill()
    try {
      await vi.waitFor(async () => expect((await checkKafka(survivors)).join()).toContain(leaderless), PATIENCE)
      const refusal = refusalOf(away, 'during')
      for (let round = 0; round < 20; round++) await append(there, `round ${round}`)
      await arrived(there, 'round 19')
      expect((await refusal)?.code).toBe('publish-unconfirmed')
      await vi.waitUntil(async () => {
        const committed = await log.committedOffsets('readers', 'pairs')
        return there.every((partition) => committed.get(partition) === 21)
      }, PATIENCE)
      const unavailable = { code: 'log-unavailable', message: expect.stringContaining(leaderless) as string }
      await expect(log.endOffsets('pairs')).rejects.toMatchObject(unavailable)

      const warnings: string[] = []
      const second = await createKafkaLog({ ...survivors, onLog: (_, message) => warnings.push(message) })
      expect(warnings.join()).toContain(leaderless)
      await second.append(there.map((partition) => recordOf(partition, 'second')))
      await arrived(there, 'second')
      await second.close()
    } finally {
      await brokers[killed]?.start()
    }
    await vi.waitUntil(async () => (await refusalOf(away, 'after')) === null, PATIENCE)
    await arrived(away, 'after')
    await consumer.stop()
    await log.close()
  })
})
