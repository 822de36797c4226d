import { randomUUID } from 'node:crypto'
import { HeadBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { expect, inject, it, onTestFinished, vi } from 'vitest'
import { createKafkaLog } from '../../src/adapters/event-log/kafka.ts'
import type { Examined } from '../../src/roles/doctor/check.ts'
import { runHere } from '../commands/run-here.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { ownOptions, removeTopics, withForeignAdmin } from './kafka-fixture.ts'
import { minioKeys } from './minio.ts'
import { client, endpoint, plainBucket } from './s3-stores.ts'

async function installation(bucket: string) {
  const options = ownOptions(inject('servers'))
  onTestFinished(() => removeTopics(options))
  const environment = {
    DATA_DIR: await temporaryFolder(),
    EVENT_LOG_URL: `kafka://${options.brokers.join(',')}`,
    SCHEMA_REGISTRY_URL: options.registry.url,
    KAFKA_PREFIX: options.prefix ?? '',
    KAFKA_REPLICATION: '1',
    KAFKA_MIN_IN_SYNC: '1',
    PARTITIONS: String(options.partitions),
    BLOB_URL: `s3://${bucket}`,
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY: minioKeys.accessKeyId,
    S3_SECRET_KEY: minioKeys.secretAccessKey,
  }
  const examined = async () => {
    const { status, stdout } = await runHere(['doctor', '--json'], environment)
    const { checks } = JSON.parse(stdout) as { checks: Examined[] }
    const of = (name: string) => checks.find((check) => check.name === name)?.findings ?? []
    return { status, of, names: checks.map(({ name }) => name) }
  }
  const topics = () =>
    withForeignAdmin(options.brokers, async (admin) =>
      (await admin.listTopics()).filter((topic) => topic.startsWith(options.prefix ?? '')).sort(),
    )
  const subjects = async () =>
    ((await (await fetch(`${options.registry.url}/subjects`)).json()) as string[])
      .filter((subject) => subject.startsWith(options.prefix ?? ''))
      .sort()
  return { options, environment, examined, topics, subjects }
}

it('doctor makes nothing on servers where no role has started yet', async () => {
  const bucket = `mistyped-${randomUUID()}`
  const { examined, environment, topics, subjects } = await installation(bucket)
  const { status, of, names } = await examined()
  expect([status, names.at(-1)]).toEqual([0, 'event log'])
  expect(of('event log')).toMatchObject([{ level: 'fact', text: 'nothing was published yet' }])
  expect(of('S3')).toMatchObject([{ level: 'warning', text: expect.stringContaining(`no bucket ${bucket}`) as string }])
  const listed = await runHere(['dead-letters', 'list'], environment)
  expect([listed.status, listed.stderr]).toEqual([3, expect.stringContaining('Nothing was published into Kafka')])
  expect([await topics(), await subjects()]).toEqual([[], []])
  await expect(client.send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toThrow()
})

it('doctor adds nothing to what a role has made, and a bucket without versions is no failure', async () => {
  const bucket = await plainBucket()
  const { options, environment, examined, topics, subjects } = await installation(bucket)
  await (await createKafkaLog(options)).close()
  const before = [await topics(), await subjects()]
  const well = await examined()
  expect(well.of('S3')).toMatchObject([{ level: 'warning', text: expect.stringContaining('no versions') as string }])
  expect(well.of('opening')).toMatchObject([{ level: 'fact' }])
  expect([well.names.at(-1), well.status]).toEqual(['dead records', 0])
  expect(well.of('blob store')).toMatchObject([{ level: 'fact', text: 'puts, gives back and deletes' }])
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'probe/' }))
  expect(Contents ?? []).toEqual([])
  expect((await runHere(['dead-letters', 'list'], environment)).stdout).toBe('There are no dead records.\n')
  const log = await createKafkaLog({ ...options, readOnly: true })
  await expect(log.append([pairRecord('one', 'a')])).rejects.toMatchObject({ code: 'log-unavailable' })
  await log.close()
  await withForeignAdmin(options.brokers, (admin) =>
    admin.deleteTopics({ topics: [`${options.prefix ?? ''}releases.dead`] }),
  )
  await vi.waitUntil(async () => (await topics()).every((name) => !name.endsWith('releases.dead')), 10_000)
  const lacking = await examined()
  expect(lacking.of('opening')).toMatchObject([
    { level: 'problem', text: expect.stringContaining('releases.dead') as string },
  ])
  const [made = []] = before
  expect([await topics(), await subjects()]).toEqual([
    made.filter((name) => !name.endsWith('releases.dead')),
    before[1],
  ])
})
