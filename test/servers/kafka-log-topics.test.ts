import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import kafkajs from 'kafkajs'
import { checkKafka, createKafkaLog, type KafkaLogOptions } from '../../src/adapters/event-log/kafka.ts'
import { consumeRecords, promise, tailRecords } from '../fixtures/log-consumers.ts'
import { pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { ownOptions, removeTopics, withForeignAdmin } from './kafka-fixture.ts'

const DAY = 24 * 3_600_000
let options: KafkaLogOptions
const nameOf = (topic: string) => `${options.prefix ?? ''}${topic}`

beforeEach(() => {
  options = ownOptions(inject('servers'))
})
afterEach(() => removeTopics(options))

const settingsOf = (topic: string) =>
  withForeignAdmin(options.brokers, async (admin) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: nameOf(topic) }],
    })
    return Object.fromEntries((resources[0]?.configEntries ?? []).map((entry) => [entry.configName, entry.configValue]))
  })

/** Sets these settings and leaves all others at the brokers' defaults. */
const alter = (topic: string, settings: Readonly<Record<string, string>>) =>
  withForeignAdmin(options.brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: nameOf(topic),
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        },
      ],
    }),
  )

const opened = async () => createKafkaLog(options)
const openedAndClosed = async () => (await opened()).close()

describe('the topics of the Kafka log', () => {
  it('are created with compaction and retention as the design has them', async () => {
    await openedAndClosed()
    expect(await settingsOf('pairs')).toMatchObject({
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(30 * DAY),
      'segment.ms': '3600000',
      'max.compaction.lag.ms': String(DAY),
      'max.message.bytes': '2097152',
      'message.timestamp.type': 'LogAppendTime',
      'unclean.leader.election.enable': 'false',
    })
    expect(await settingsOf('pairs.indexed')).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': String(7 * DAY),
    })
    expect(await settingsOf('pairs.dead')).toMatchObject({ 'retention.ms': String(14 * DAY) })
    for (const topic of ['releases', 'erasures', 'models.trained', 'retraining.requested']) {
      expect(await settingsOf(topic)).toMatchObject({ 'retention.ms': '-1', 'retention.bytes': '-1' })
    }
  })

  it('stop the start when one is set up wrongly: the error names topic, setting, found and wanted', async () => {
    await openedAndClosed()
    expect(await checkKafka(options)).toEqual([])
    await alter('releases', { 'retention.ms': '60000', 'max.message.bytes': '2097152' })
    await vi.waitUntil(async () => (await settingsOf('releases'))['retention.ms'] === '60000')
    await expect(opened()).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringMatching(/releases has retention\.ms 60000; set it to -1/) as string,
    })
    expect(await checkKafka(options)).toContainEqual(expect.stringMatching(/releases has retention\.ms 60000/))
  })

  it('stop the start when their partition count is another', async () => {
    await openedAndClosed()
    options = { ...options, partitions: 5 }
    await expect(opened()).rejects.toMatchObject({
      code: 'partition-count-changed',
      message: expect.stringContaining('pairs') as string,
    })
    expect(await checkKafka(options)).toContainEqual(expect.stringContaining('4 partitions'))
  })

  it('stop the start when there are too few brokers for the replication', async () => {
    options = { ...options, replication: { factor: 3, minimumInSync: 2 } }
    await expect(opened()).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('KAFKA_REPLICATION') as string,
    })
  })

  it('are not made, nor a schema registered, for who needs a log that was begun', async () => {
    const opening = createKafkaLog({ ...options, mustExist: true })
    await expect(opening).rejects.toMatchObject({
      code: 'not-ready',
      message: expect.stringContaining('publish') as string,
    })
    const made = await withForeignAdmin(options.brokers, (admin) => admin.listTopics())
    const registered = (await (await fetch(`${options.registry.url}/subjects`)).json()) as string[]
    expect([...made, ...registered].filter((name) => name.startsWith(options.prefix ?? ''))).toEqual([])
    await openedAndClosed()
    await (await createKafkaLog({ ...options, mustExist: true })).close()
  })

  it('can be made by two processes at once', async () => {
    const logs = await Promise.all([opened(), opened(), opened()])
    for (const log of logs) await log.close()
  })

  it('stop the start of all but one when two begin at once with another partition count', async () => {
    const starts = await Promise.allSettled([4, 5, 6].map((partitions) => createKafkaLog({ ...options, partitions })))
    const counts: number[] = []
    for (const start of starts) {
      if (start.status === 'rejected') {
        expect(start.reason).toMatchObject({ code: 'partition-count-changed' })
        continue
      }
      counts.push(await start.value.partitions('pairs'))
      await start.value.close()
    }
    const made = await withForeignAdmin(options.brokers, (admin) =>
      admin.fetchTopicMetadata({ topics: [nameOf('pairs')] }),
    )
    expect(counts).toEqual([made.topics[0]?.partitions.length])
  })

  it('are compacted for real: readers and groups pass what is gone, up to the end', async () => {
    const log = await opened()
    await alter('pairs', {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
      'message.timestamp.type': 'LogAppendTime',
    })
    const [first] = await log.append([{ ...pairRecord('one', 'a'), partition: 0 }])
    expect(first?.offset).toBe(0)
    await log.append([{ ...tombstone('one', 'a'), partition: 0 }])
    await log.append([{ ...pairRecord('one', 'b'), partition: 0 }])
    // Rolling a segment needs a later append; each also lets the cleaner see a little more.
    for (let round = 0; (await log.read('pairs', 0, 0)) !== null && round < 100; round++) {
      await log.append([{ ...pairRecord('two', 'again and again'), partition: 0 }])
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(await log.read('pairs', 0, 0)).toBeNull()
    const end = (await log.endOffsets('pairs')).get(0) ?? 0
    const found = await tailRecords(log, ['pairs'], 2)
    expect(found.some(({ value }) => value?.caption === 'b')).toBe(true)
    const reached = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      handle: async (records) => {
        if (records.at(-1)?.offset === end - 1) reached.resolve()
      },
    })
    await Promise.race([reached.promise, consumer.done])
    await consumer.stop()
    expect((await log.committedOffsets('readers', 'pairs')).get(0)).toBe(end)
    await log.close()
  })

  it('lose what is past its retention: a group and a reader are told and reach the end', async () => {
    const log = await opened()
    const value = topicValues['pairs.indexed']
    for (let index = 0; index < 3; index++)
      await log.append([{ topic: 'pairs.indexed', key: 'k', value, partition: 0 }])
    await alter('pairs.indexed', { 'cleanup.policy': 'delete', 'retention.ms': '1' })
    const gap = promise<number>()
    const tailGap = promise<number>()
    while ((await log.read('pairs.indexed', 0, 2)) !== null) await new Promise((resolve) => setTimeout(resolve, 200))
    const handle = async () => undefined
    const consumer = log.consume('readers', {
      topics: ['pairs.indexed'],
      handle,
      onGap: (_topic, partition, next) => {
        if (partition === 0) gap.resolve(next)
      },
    })
    const tail = log.tail(() => new Map([[0, 1]]), {
      topics: ['pairs.indexed'],
      handle,
      onGap: (_topic, _partition, next) => tailGap.resolve(next),
    })
    expect(await gap.promise).toBe(3)
    expect(await tailGap.promise).toBe(3)
    await Promise.all([consumer.stop(), tail.stop()])
    expect((await log.committedOffsets('readers', 'pairs.indexed')).get(0)).toBe(3)
    await alter('pairs.indexed', { 'cleanup.policy': 'delete', 'retention.ms': String(7 * DAY) })
    await log.append([{ topic: 'pairs.indexed', key: 'k', value, partition: 0 }])
    expect((await consumeRecords(log, 'readers', 'pairs.indexed', 1))[0]?.offset).toBe(3)
    await log.close()
  })
})
