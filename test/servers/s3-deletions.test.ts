import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { createAnnouncedDeletions } from '../../src/adapters/blob-store/s3/announced-deletions.ts'
import { createObjects, type Objects } from '../../src/adapters/blob-store/s3/objects.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import { bytesOf, client, openStore, plainBucket, VERSIONED } from './s3-stores.ts'

describe.each(['with versions', 'without versions'])('deleting in a bucket %s', (kind) => {
  const bucketOf = async (): Promise<string> => (kind === 'with versions' ? VERSIONED : plainBucket())

  it('spares every blob that is put meanwhile, in 300 races', async () => {
    const bucket = await bucketOf()
    const prefix = randomUUID()
    const stores = await Promise.all([1, 2, 3].map(() => openStore({ bucket, prefix })))
    const [putting, deleting, other] = stores as [BlobStore, BlobStore, BlobStore]
    const keys = Array.from({ length: 300 }, (_, index) => `images/${index}`)
    let before = 0
    for (const key of keys) await putting.put(key, bytesOf('same'))
    for (const key of keys) before = Math.max(before, (await putting.info(key))?.putAt ?? 0)
    while (Date.now() <= before) await delay(50)

    const soon = () => delay(randomInt(0, 40))
    let spared = 0
    for (let start = 0; start < keys.length; start += 20) {
      await Promise.all(
        keys
          .slice(start, start + 20)
          .flatMap((key) => [
            soon().then(() => putting.put(key, bytesOf('same'))),
            deleting.delete(key, before),
            other.delete(key, before),
          ]),
      )
      for (const key of keys.slice(start, start + 20)) if ((await other.get(key)) !== null) spared++
    }
    expect(spared).toBe(keys.length)
  })

  it('leaves nothing behind: no versions, no markers, no announcements', async () => {
    const bucket = await bucketOf()
    const prefix = randomUUID()
    const store = await openStore({ bucket, prefix })
    await Promise.all(Array.from({ length: 5 }, () => store.put('erased', bytesOf('a face'))))
    await store.put('erased', bytesOf('the face'))
    await store.put('swept', bytesOf('x'))
    await store.delete('erased')
    await store.delete('swept', ((await store.info('swept'))?.putAt ?? 0) + 1)
    const { Versions = [], DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: `${prefix}/` }),
    )
    expect([...Versions, ...DeleteMarkers]).toEqual([])
  })
})

describe('versions', () => {
  it('of a blob that is put again and again do not pile up', async () => {
    const prefix = randomUUID()
    const store = await openStore({ prefix })
    for (let round = 0; round < 5; round++) await store.put('key', bytesOf('same'))
    const { Versions = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket: VERSIONED, Prefix: `${prefix}/` }),
    )
    expect(Versions).toHaveLength(1)
  })
})

describe('an announced deletion', () => {
  it('that is about to happen holds up a put of the blob until it has, and the blob is there', async () => {
    const bucket = await plainBucket()
    const store = await openStore({ bucket, prefix: '' })
    await store.put('key', bytesOf('same'))
    const before = (await store.info('key'))?.putAt ?? 0
    while (Date.now() <= before) await delay(50)

    const objects = createObjects(client, bucket, 10_000)
    let decided = (): void => undefined
    const isDecided = new Promise<void>((resolve) => (decided = resolve))
    let goOn = (): void => undefined
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve))
    const halting: Objects = {
      ...objects,
      async delete(name, versionId, signal) {
        if (name === 'key') {
          decided()
          await mayGoOn
        }
        await objects.delete(name, versionId, signal)
      },
    }
    const deletion = createAnnouncedDeletions(halting, '').delete('key', before)
    await isDecided
    let isAcknowledged = false
    const put = store.put('key', bytesOf('same')).then(() => (isAcknowledged = true))
    await delay(500)
    expect(isAcknowledged).toBe(false)
    goOn()
    await Promise.all([deletion, put])
    expect(await store.get('key')).toEqual(bytesOf('same'))
  })

  it('whose process was killed holds up puts of that blob for seconds only, and is cleared', async () => {
    const bucket = await plainBucket()
    const store = await openStore({ bucket, prefix: '' })
    await store.put('key', bytesOf('old'))
    const killed: Objects = {
      ...createObjects(client, bucket, 10_000),
      delete: () => Promise.reject(new Error('killed')),
    }
    await expect(createAnnouncedDeletions(killed, '').delete('key', Date.now() + 60_000)).rejects.toThrow('killed')
    await store.put('another', bytesOf('x'))
    const began = performance.now()
    await store.put('key', bytesOf('new'))
    expect(performance.now() - began).toBeGreaterThan(10_000)
    expect(await store.get('key')).toEqual(bytesOf('new'))
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }))
    expect(Contents.map(({ Key }) => Key)).toEqual(['another', 'key'])
  })
})
