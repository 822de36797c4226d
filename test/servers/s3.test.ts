import { createHash, randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DeleteBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { checkS3, createS3BlobStore } from '../../src/adapters/blob-store/s3.ts'
import { blobStoreContract } from '../contracts/blob-store.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { minioKeys, startMinio } from './minio.ts'
import { bytesOf, client, endpoint, openStore, plainBucket, VERSIONED } from './s3-stores.ts'
import { startVersitygw } from './versitygw.ts'

/** A second each; `s3-deletions.test.ts` lets hundreds loose at once. */
const RACES = 5

const placeName = (place: string): string => createHash('sha256').update(place).digest('hex').slice(0, 16)

describe('S3 blob store in MinIO, in a bucket with versions', () => {
  blobStoreContract(
    async (place) => createS3BlobStore({ bucket: VERSIONED, prefix: placeName(place), endpoint, ...minioKeys }),
    RACES,
  )
})

describe('S3 blob store in versitygw, in a bucket without versions', () => {
  let server: Awaited<ReturnType<typeof startVersitygw>>
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pairstream-versitygw-'))
    server = await startVersitygw(folder)
  }, 600_000)
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  blobStoreContract(
    async (place) =>
      createS3BlobStore({ bucket: 'plain', prefix: placeName(place), endpoint: server.address, ...minioKeys }),
    RACES,
  )
})

describe('a bucket', () => {
  it('lists more blobs than fit on a page, each once', async () => {
    const store = await openStore()
    const keys = Array.from({ length: 1_050 }, (_, index) => `images/${String(index).padStart(4, '0')}`)
    for (let start = 0; start < keys.length; start += 50) {
      await Promise.all(keys.slice(start, start + 50).map((key) => store.put(key, bytesOf('x'))))
    }
    const found: string[] = []
    for await (const { key } of store.list('images/')) found.push(key)
    expect(found).toEqual(keys)
  })

  it('that is deleted while it is used is an outage, not missing blobs', async () => {
    const bucket = await plainBucket()
    const store = await openStore({ bucket })
    await client.send(new DeleteBucketCommand({ Bucket: bucket }))
    const gone = { code: 'blob-store-unavailable' }
    await expect(store.get('a')).rejects.toMatchObject(gone)
    await expect(store.info('a')).rejects.toMatchObject(gone)
    await expect(store.put('a', bytesOf('x'))).rejects.toMatchObject(gone)
    await expect(store.delete('a')).rejects.toMatchObject(gone)
  })

  it('is checked: with versions nothing to say, without them a hint, with a wrong key what to do', async () => {
    const says = (level: string, part: string) => ({ level, text: expect.stringContaining(part) as string })
    const options = { bucket: VERSIONED, endpoint, ...minioKeys }
    await openStore()
    expect(await checkS3(options)).toEqual([])
    expect(await checkS3({ ...options, bucket: await plainBucket() })).toEqual([says('warning', 'versions')])
    expect(await checkS3({ ...options, secretAccessKey: 'wrong' })).toEqual([says('problem', 'secret key')])
    expect(await checkS3({ ...options, accessKeyId: 'nobody' })).toEqual([says('problem', 'access key')])
    expect(await checkS3({ ...options, bucket: 'No_Name' })).toEqual([says('problem', 'name of the bucket')])
  })
})

describe('MinIO killed', () => {
  it('in the middle of puts shows the old blob or the new, has all that was acknowledged, and goes on', async () => {
    const folder = await temporaryFolder()
    let server = await startMinio(folder)
    onTestFinished(() => server.stop())
    const { address } = server
    const store = await openStore({ endpoint: address, bucket: 'pictures', prefix: '', deadline: 10_000 })
    const long = (value: number) => new Uint8Array(20_000_000).fill(value)
    let last = 1
    await store.put('key', long(last))
    const acknowledged: string[] = []
    for (const next of [2, 3, 4]) {
      const putting = store.put('key', long(next)).catch((error: unknown) => error)
      const small = Array.from({ length: 20 }, (_, index) =>
        store.put(`${next}/${index}`, bytesOf('x')).then(
          () => void acknowledged.push(`${next}/${index}`),
          (error: unknown) => expect(error).toMatchObject({ code: 'blob-store-unavailable' }),
        ),
      )
      await delay(randomInt(5, 120))
      server.signal('SIGKILL')
      await server.ended
      await Promise.all(small)
      const failure = await putting
      if (failure !== undefined) expect(failure).toMatchObject({ code: 'blob-store-unavailable' })
      await expect(store.get('key')).rejects.toMatchObject({ code: 'blob-store-unavailable' })
      server = await startMinio(folder, Number(new URL(address).port))
      const seen = (await store.get('key')) ?? new Uint8Array(0)
      expect(seen).toHaveLength(20_000_000)
      expect([last, next]).toContain(seen[0])
      expect(seen.every((value) => value === seen[0])).toBe(true)
      if (failure === undefined) expect(seen[0]).toBe(next)
      last = seen[0] ?? 0
      for (const key of acknowledged) expect(await store.get(key)).toEqual(bytesOf('x'))
    }
  })
})
