import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { serve } from '../../src/commands/serve.ts'
import { loadConfig } from '../../src/config.ts'
import { lockFolder } from '../../src/sqlite/folder-lock.ts'
import { answeringServer } from '../fixtures/answering-server.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { freePort } from '../servers/server-process.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { topicValues } from '../fixtures/topic-values.ts'

const silent = () => new PassThrough().resume() as unknown as NodeJS.WriteStream

const bucketAt = async (endpoint: string) => ({
  DATA_DIR: await temporaryFolder(),
  PORT: String(await freePort()),
  LOG_LEVEL: 'silent',
  BLOB_URL: 's3://bucket',
  S3_ENDPOINT: endpoint,
  S3_ACCESS_KEY: 'any',
  S3_SECRET_KEY: 'any-secret',
})

it('says what it does while it folds, and what is missing, and can be stopped', async () => {
  const asked = promise()
  /** A bucket whose objects never come. */
  const endpoint = await answeringServer(({ url = '' }, response) => {
    if (url.includes('list-type')) response.end('<ListBucketResult><Name>bucket</Name></ListBucketResult>')
    else if (url.includes('versioning')) response.end('<VersioningConfiguration/>')
    else asked.resolve()
  })
  const environment = await bucketAt(endpoint)
  const { drivers, PARTITIONS: partitions } = loadConfig(environment)
  if (drivers.eventLog.kind !== 'sqlite') throw new Error('unreachable')
  const log = createSqliteLog({ path: drivers.eventLog.path, partitions })
  const value = topicValues['retraining.requested']
  await log.append([{ topic: 'retraining.requested', key: value.requestId, value }])
  await log.close()

  const stopping = new AbortController()
  const context = { environment, stdout: silent(), stderr: silent(), signal: stopping.signal }
  const served = serve({}, context)
  await asked.promise
  const ready = await fetch(`http://127.0.0.1:${environment.PORT}/health/ready`)
  expect(ready.status).toBe(503)
  expect(await ready.json()).toMatchObject({ reasons: ['starting', 'catalogue-behind', 'blob-store-unavailable'] })
  stopping.abort()
  expect(await served).toBe('ok')
})

it('keeps the data folder while it waits for a server, so that no command takes it meanwhile', async () => {
  const environment = await bucketAt(`http://127.0.0.1:${await freePort()}`)
  const { lockPath } = loadConfig(environment)
  const waits = promise()
  const remarks = new PassThrough().on('data', (text: Buffer) => {
    if (String(text).includes('Waiting: ')) waits.resolve()
  })
  const stopping = new AbortController()
  const output = { stdout: silent(), stderr: remarks as unknown as NodeJS.WriteStream }
  const served = serve({}, { environment, ...output, signal: stopping.signal })
  await waits.promise
  expect(() => lockFolder(lockPath)).toThrow(expect.objectContaining({ code: 'data-folder-locked' }))
  stopping.abort()
  expect(await served).toBe('ok')
  lockFolder(lockPath).release()
})
