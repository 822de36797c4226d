import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import { loadConfig } from '../../src/config.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { answeringServer } from '../fixtures/answering-server.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairEvent, pairRecord } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { startCli } from './run-cli.ts'

it('ends in time though a store hangs, names what was busy, and loses nothing', async () => {
  const storing = promise()
  /** A bucket that takes objects and never says so. */
  const endpoint = await answeringServer(({ url = '', method }, response) => {
    if (url.includes('list-type')) response.end('<ListBucketResult><Name>bucket</Name></ListBucketResult>')
    else if (url.includes('versioning')) response.end('<VersioningConfiguration/>')
    else if (method === 'PUT') storing.resolve()
  })
  const folder = await temporaryFolder()
  const common = { DATA_DIR: join(folder, 'data'), PORT: '0' }
  const server = { S3_ENDPOINT: endpoint, S3_ACCESS_KEY: 'any', S3_SECRET_KEY: 'any-secret' }
  const serve = (blobs: Record<string, string>) => {
    const running = startCli(['serve', '--roles', 'count'], { ...common, ...blobs })
    onTestFinished(() => running.kill('SIGKILL'))
    return running
  }

  const hanging = serve({ ...server, BLOB_URL: 's3://bucket' })
  await hanging.nextLine()
  const { drivers, PARTITIONS: partitions } = loadConfig(common)
  if (drivers.eventLog.kind !== 'sqlite') throw new Error('unreachable')
  const log = createSqliteLog({ path: drivers.eventLog.path, partitions })
  onTestFinished(() => log.close())
  const [position] = await log.append([pairRecord('a dog', 'a dog on a beach')])
  const isCommitted = async (): Promise<boolean> =>
    ((await log.committedOffsets('count', 'pairs')).get(position?.partition ?? -1) ?? 0) > (position?.offset ?? 0)
  await storing.promise

  hanging.kill('SIGTERM')
  const begun = performance.now()
  const { status, stderr } = await hanging.ended
  expect(performance.now() - begun).toBeLessThan(10_000)
  expect(stderr).toMatch(/Given up after 8 s: count still busy/)
  expect(status).toBe(130)
  expect(await isCommitted()).toBe(false)

  const blobs = join(folder, 'blobs')
  const working = serve({ BLOB_URL: `file:${blobs}` })
  await vi.waitFor(async () => expect(await isCommitted()).toBe(true), 20_000)
  const { imageId } = pairEvent('a dog', 'a dog on a beach')
  expect(await readFile(join(blobs, imageBlobKey(imageId)), 'utf8')).toBe('a dog')
  working.kill('SIGTERM')
  expect((await working.ended).status).toBe(0)
}, 60_000)
