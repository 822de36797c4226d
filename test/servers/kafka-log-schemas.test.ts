import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { checkKafka, createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import { frame } from '../../src/adapters/event-log/kafka/wire-format.ts'
import type { PairPublished } from '../../src/core/events.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import { promise, tailRecords } from '../fixtures/log-consumers.ts'
import { captions, pairEvent, pairRecord } from '../fixtures/pair-events.ts'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { foreignClient, ownOptions, produceForeign, removeTopics } from './kafka-fixture.ts'

type Schema = { fields: { name: string; type: unknown; default?: unknown }[] }

const servers = inject('servers')
let options: KafkaLogOptions
let folder: string

beforeEach(async () => {
  options = ownOptions(servers)
  folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
})
afterEach(async () => {
  await removeTopics(options)
  await rm(folder, { recursive: true, force: true })
})

/** Options of a program whose schemas are ours and one more version of `pairs`. */
async function withNextVersion(change: (schema: Schema) => void): Promise<KafkaLogOptions> {
  const own = new URL('../../schemas/', import.meta.url)
  await cp(own, folder, { recursive: true })
  const schema = JSON.parse(await readFile(new URL('pairs.v1.avsc', own), 'utf8')) as Schema
  change(schema)
  await writeFile(join(folder, 'pairs.v2.avsc'), JSON.stringify(schema))
  return { ...options, schemas: pathToFileURL(`${folder}/`) }
}

const subject = () => `${options.prefix ?? ''}pairs-value`
const ask = async (path: string): Promise<unknown> => (await fetch(`${servers.registry}${path}`)).json()

describe('the schemas of the Kafka log', () => {
  it('are registered under the topic, with FULL_TRANSITIVE set for it', async () => {
    await (await createKafkaLog(options)).close()
    expect(await ask(`/subjects/${subject()}/versions`)).toEqual([1])
    expect(await ask(`/config/${subject()}`)).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' })
  })

  it('stop the start when the registry finds one incompatible, with its own reason', async () => {
    await (await createKafkaLog(options)).close()
    const incompatible = await withNextVersion(({ fields }) => fields.push({ name: 'mood', type: 'string' }))
    await expect(createKafkaLog(incompatible)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/refuses the schema of .*pairs-value: .+/) as string,
    })
  })

  it('stop the start when their subject has another level, which stays', async () => {
    await (await createKafkaLog(options)).close()
    await fetch(`${servers.registry}/config/${subject()}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
    })
    await expect(createKafkaLog(options)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/pairs-value.*FULL_TRANSITIVE/) as string,
    })
    expect(await checkKafka(options)).toEqual([expect.stringMatching(/BACKWARD for .*pairs-value/)])
    expect(await ask(`/config/${subject()}`)).toMatchObject({ compatibilityLevel: 'BACKWARD' })
  })

  it('are the same, whichever of the starts at the same time registered them', async () => {
    const logs = await Promise.all(Array.from({ length: 4 }, () => createKafkaLog(options)))
    await Promise.all(logs.map((log) => log.close()))
    // A registry under load may make two versions of one schema that comes twice at once.
    const versions = (await ask(`/subjects/${subject()}/versions`)) as number[]
    const schemas = await Promise.all(
      versions.map((version) => ask(`/subjects/${subject()}/versions/${version}/schema`)),
    )
    expect(new Set(schemas.map((schema) => JSON.stringify(schema))).size).toBe(1)
    expect(await ask(`/config/${subject()}`)).toMatchObject({ compatibilityLevel: 'FULL_TRANSITIVE' })
  })

  it('let newer code read old records, and older code newer ones', async () => {
    const older = await createKafkaLog(options)
    const newer = await createKafkaLog(
      await withNextVersion(({ fields }) => fields.push({ name: 'mood', type: 'string', default: 'calm' })),
    )
    await older.append([{ ...pairRecord('one', 'by older code'), partition: 0 }])
    const value = { ...pairEvent('one', 'by newer code'), mood: 'merry' }
    await newer.append([{ ...pairRecord('one', 'by newer code'), value: value as PairPublished, partition: 0 }])

    const expected = [pairEvent('one', 'by older code'), pairEvent('one', 'by newer code')]
    const byOlder = await tailRecords(older, ['pairs'], 2)
    expect(byOlder.map((record) => record.value)).toEqual(expected)
    const byNewer = await tailRecords(newer, ['pairs'], 2)
    expect(byNewer.map((record) => record.value)).toEqual([
      { ...expected[0], mood: 'calm' },
      { ...expected[1], mood: 'merry' },
    ])
    await Promise.all([older.close(), newer.close()])
  })

  it('make a record of an unknown schema, after a while, or of none, unreadable, and no other', async () => {
    const log = await createKafkaLog({ ...options, schemaPatience: 200 })
    const topic = `${options.prefix ?? ''}pairs`
    const unreadable = [frame(987_654_321, Buffer.of(1, 2, 3)), Buffer.from('{"caption":"json"}'), Buffer.alloc(0)]
    await produceForeign(
      options.brokers,
      unreadable.map((value) => ({ topic, partition: 0, key: 'k', value })),
    )
    await log.append([{ ...pairRecord('one', 'after'), partition: 0 }])
    const records = await tailRecords(log, ['pairs'], 4)
    expect(records.map(({ problem, value }) => problem ?? value?.caption)).toEqual([
      'record-unreadable',
      'record-unreadable',
      'record-unreadable',
      'after',
    ])
    await log.close()
  })

  it('wait for a registry that is away, and lose nothing', async () => {
    const proxy = await startTcpProxy(Number(new URL(servers.registry).port))
    const throughProxy = { url: servers.registry.replace(/:\d+/, `:${proxy.port}`) }
    const older = await createKafkaLog({ ...options, registry: throughProxy })
    const newer = await createKafkaLog(
      await withNextVersion(({ fields }) => fields.push({ name: 'mood', type: 'string', default: 'calm' })),
    )
    proxy.cut()
    await newer.append([pairRecord('one', 'by newer code')])
    const handled: (string | null | undefined)[] = []
    const arrived = promise()
    const consumer = older.consume('readers', {
      topics: ['pairs'],
      handle: async (records) => {
        handled.push(...captions(records))
        arrived.resolve()
      },
    })
    await expect(older.read('pairs', partitionOfFirst(await older.endOffsets('pairs')), 0)).rejects.toMatchObject({
      code: 'log-unavailable',
    })
    expect(handled).toEqual([])
    proxy.mend()
    await Promise.race([arrived.promise, consumer.done])
    expect(handled).toEqual(['by newer code'])
    await Promise.all([older.close(), newer.close()])
    await proxy.close()
  })

  it('are needed at start: a registry that is away is unavailable', async () => {
    const away = { ...options, registry: { url: 'http://127.0.0.1:1' } }
    await expect(createKafkaLog(away)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})

const partitionOfFirst = (ends: ReadonlyMap<number, number>): number => [...ends].find(([, end]) => end > 0)?.[0] ?? -1

describe('records of a foreign producer', () => {
  it('are left out when their transaction was given up, and readers reach the end', async () => {
    const log: EventLog = await createKafkaLog(options)
    const producer = foreignClient(options.brokers).producer({ transactionalId: subject(), idempotent: true })
    await producer.connect()
    const topic = `${options.prefix ?? ''}pairs`
    const transact = async (key: string, end: 'commit' | 'abort') => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ partition: 0, key, value: null }] })
      await transaction[end]()
    }
    await transact('given up', 'abort')
    await transact('kept', 'commit')
    await transact('given up too', 'abort')
    await producer.disconnect()

    const end = (await log.endOffsets('pairs')).get(0) ?? 0
    const keys: string[] = []
    const reached = promise()
    const consumer = log.tail(() => new Map(), {
      topics: ['pairs'],
      handle: async (records) => {
        keys.push(...records.map(({ key }) => key))
      },
      onGap: (_topic, partition, next) => {
        if (partition === 0 && next === end) reached.resolve()
      },
    })
    await Promise.race([reached.promise, consumer.done])
    await consumer.stop()
    expect(keys).toEqual(['kept'])
    await log.close()
  })
})
