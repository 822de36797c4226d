import { expect, inject, it, onTestFinished } from 'vitest'
import { createKafkaLog } from '../../src/adapters/event-log/kafka.ts'
import { embedGroup, embedProgressGroup } from '../../src/core/consumer-groups.ts'
import type { ReleaseRecord } from '../../src/core/events.ts'
import { reportEmbedProgress } from '../../src/roles/embed-progress.ts'
import { numbered } from '../fixtures/pair-events.ts'
import { ownOptions, removeTopics, withForeignAdmin } from './kafka-fixture.ts'

const building = (generation: string): ReleaseRecord => ({
  releaseId: generation,
  follows: null,
  state: 'building',
  modelVersion: `m-${generation}`,
  generation,
  reason: '',
  evidence: null,
  decidedAt: 0,
})

it('tells an autoscaler, which knows one group of the brokers, how far the slowest generation is', async () => {
  const options = ownOptions(inject('servers'))
  const log = await createKafkaLog(options)
  onTestFinished(async () => {
    await log.close()
    await removeTopics(options)
  })
  const [{ partition } = { partition: 0 }] = await log.append(numbered('one', 10))
  const groupId = `${options.prefix ?? ''}${embedProgressGroup}`
  const seen = () =>
    withForeignAdmin(options.brokers, async (admin) => {
      const [topic] = await admin.fetchOffsets({ groupId, topics: [`${options.prefix ?? ''}pairs`] })
      const { groups } = await admin.describeGroups([groupId])
      const own = topic?.partitions.find((place) => place.partition === partition)
      return { offset: own?.offset, members: groups[0]?.members.length }
    })

  const catalogue = { releases: () => [building('g1'), building('g2')] }
  await log.seekGroup(embedGroup('g1'), 'pairs', new Map([[partition, 10]]))
  await reportEmbedProgress({ catalogue, log })
  expect(await seen()).toEqual({ offset: '0', members: 0 })

  // While its members read and commit, as they do beside a report.
  const second = log.consume(embedGroup('g2'), { topics: ['pairs'], maxRecords: 4, handle: async () => undefined })
  await expect
    .poll(async () => (await log.committedOffsets(embedGroup('g2'), 'pairs')).get(partition), { timeout: 30_000 })
    .toBe(10)
  await reportEmbedProgress({ catalogue, log })
  expect(await seen()).toEqual({ offset: '10', members: 0 })
  await second.stop()
})
