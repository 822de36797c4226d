import { afterEach, describe, expect, it } from 'vitest'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

async function keysBelow(store: BlobStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys.sort()
}

/**
 * What every driver of `BlobStore` guarantees. `open` opens the store at a place that no other test uses; opening the same place
 * again, after a `close`, is a restart. `races` is how often a put and a deletion are let loose on each other: a store that tells times
 * apart by the second takes a second for each.
 */
export function blobStoreContract(open: (place: string) => Promise<BlobStore>, races = 50): void {
  const opened: BlobStore[] = []
  const openAt = async (place: string): Promise<BlobStore> => {
    const store = await open(place)
    opened.push(store)
    return store
  }
  const fresh = async (): Promise<BlobStore> => openAt(await temporaryFolder())
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })

  describe('blobs', () => {
    it('gives back the bytes that were put, of any value and length', async () => {
      const store = await fresh()
      const every = Uint8Array.from({ length: 256 }, (_, value) => value)
      const long = new Uint8Array(3_000_000).fill(7)
      await store.put('images/ab/every', every)
      await store.put('images/ab/none', new Uint8Array(0))
      await store.put('images/ab/long', long)
      expect(await store.get('images/ab/every')).toEqual(every)
      expect(await store.get('images/ab/none')).toEqual(new Uint8Array(0))
      expect(Buffer.compare((await store.get('images/ab/long')) ?? new Uint8Array(0), long)).toBe(0)
    })

    it('stores a view without the buffer around it', async () => {
      const store = await fresh()
      await store.put('view', bytesOf('around the view').subarray(7, 10))
      expect(await store.get('view')).toEqual(bytesOf('the'))
    })

    it('has nothing at a key that was never put, or is only the beginning of one', async () => {
      const store = await fresh()
      await store.put('images/ab/abcd', bytesOf('x'))
      for (const key of ['other', 'images', 'images/ab', 'images/ab/abcd/more', 'images/ab/abc']) {
        expect(await store.get(key)).toBeNull()
        expect(await store.info(key)).toBeNull()
      }
    })

    it('replaces the bytes of a key', async () => {
      const store = await fresh()
      await store.put('key', bytesOf('a longer first text'))
      await store.put('key', bytesOf('second'))
      expect(await store.get('key')).toEqual(bytesOf('second'))
      expect(await store.info('key')).toMatchObject({ key: 'key', bytes: 6 })
    })

    it('shows a reader the old bytes or the new, never a part, while they are replaced', async () => {
      const store = await fresh()
      const versions = [1, 2].map((value) => new Uint8Array(200_000).fill(value))
      const [first = new Uint8Array(0), second = new Uint8Array(0)] = versions
      await store.put('key', first)
      const ended = new AbortController()
      const writing = (async () => {
        for (let round = 0; round < 10; round++) await store.put('key', round % 2 === 0 ? second : first)
      })().finally(() => ended.abort())
      while (!ended.signal.aborted) {
        const seen = (await store.get('key')) ?? new Uint8Array(0)
        expect(versions.some((version) => Buffer.compare(version, seen) === 0)).toBe(true)
      }
      await writing
    })

    it('takes puts of one key and of many keys side by side', async () => {
      const store = await fresh()
      const keys = Array.from({ length: 40 }, (_, index) => `new/${index % 4}/${index}`)
      await Promise.all([
        ...keys.map((key) => store.put(key, bytesOf(key))),
        ...keys.map(() => store.put('same', bytesOf('same'))),
      ])
      expect(await keysBelow(store, '')).toEqual([...keys, 'same'].sort())
    })

    it('deletes a blob, once or twice', async () => {
      const store = await fresh()
      await store.put('a/b', bytesOf('x'))
      await store.delete('a/b')
      await store.delete('a/b')
      await store.delete('never/there')
      expect(await store.get('a/b')).toBeNull()
      await store.put('a/b', bytesOf('again'))
      expect(await store.get('a/b')).toEqual(bytesOf('again'))
    })

    it('has everything after a restart', async () => {
      const place = await temporaryFolder()
      const first = await openAt(place)
      await first.put('a/b', bytesOf('kept'))
      await first.close()
      const second = await openAt(place)
      expect(await second.get('a/b')).toEqual(bytesOf('kept'))
      expect(await keysBelow(second, '')).toEqual(['a/b'])
    })
  })

  describe('information', () => {
    it('renews the time of the put, also for the same bytes', async () => {
      const store = await fresh()
      await store.put('key', bytesOf('same'))
      const first = (await store.info('key'))?.putAt ?? 0
      expect(Math.abs(Date.now() - first)).toBeLessThan(60_000)
      let renewed = first
      while (renewed <= first) {
        await store.put('key', bytesOf('same'))
        renewed = (await store.info('key'))?.putAt ?? 0
      }
      expect(renewed).toBeGreaterThan(first)
    })

    it('lists the keys that start with a prefix, whether it ends a part or not', async () => {
      const store = await fresh()
      const keys = ['images/ab/1', 'images/ab/2', 'images/abc/3', 'images/b/4', 'snapshots/5', 'top']
      for (const key of keys) await store.put(key, bytesOf(key))
      expect(await keysBelow(store, '')).toEqual(keys)
      expect(await keysBelow(store, 'images/')).toEqual(keys.slice(0, 4))
      expect(await keysBelow(store, 'images/ab')).toEqual(keys.slice(0, 3))
      expect(await keysBelow(store, 'images/ab/')).toEqual(keys.slice(0, 2))
      expect(await keysBelow(store, 'images/ab/2')).toEqual(['images/ab/2'])
      expect(await keysBelow(store, 'im')).toEqual(keys.slice(0, 4))
      expect(await keysBelow(store, 'nothing/')).toEqual([])
      for await (const blob of store.list('snap')) {
        expect(blob).toEqual(await store.info('snapshots/5'))
        expect(blob.bytes).toBe(11)
      }
    })

    it('spares a blob that was put after the given time, also when it is put at that very moment', async () => {
      const store = await fresh()
      await store.put('images/one', bytesOf('kept'))
      const putAt = (await store.info('images/one'))?.putAt ?? 0
      await store.delete('images/one', putAt - 1)
      expect(await store.get('images/one')).toEqual(bytesOf('kept'))
      expect(await keysBelow(store, '')).toEqual(['images/one'])
      await store.delete('images/one', putAt)
      expect(await store.get('images/one')).toBeNull()
      await store.delete('images/one', putAt)

      for (let round = 0; round < races; round++) {
        const key = `images/${round}`
        await store.put(key, bytesOf('old'))
        const before = (await store.info(key))?.putAt ?? 0
        // File systems tell times apart by some milliseconds only.
        while (Date.now() <= before + 20) await new Promise(setImmediate)
        await Promise.all([
          store.put(key, bytesOf('new')),
          store.delete(key, before),
          store.delete(key, before),
          store.get(key),
        ])
        expect(await store.get(key)).toEqual(bytesOf('new'))
      }
    })

    it('lists on while blobs are deleted', async () => {
      const store = await fresh()
      for (let index = 0; index < 20; index++) await store.put(`blobs/${index % 5}/${index}`, bytesOf('x'))
      for await (const { key } of store.list('blobs/')) await store.delete(key)
      expect(await keysBelow(store, '')).toEqual([])
    })
  })

  it.each([
    '',
    '/absolute',
    'a//b',
    'a/',
    '../up',
    'a/../b',
    './a',
    '.',
    'a b',
    'a\\b',
    'ä',
    'a\0b',
    'a~b',
    'x'.repeat(300),
  ])('refuses the key %j', async (key) => {
    const store = await fresh()
    const refused = { code: 'invalid-request' }
    await expect(store.put(key, bytesOf('x'))).rejects.toMatchObject(refused)
    await expect(store.get(key)).rejects.toMatchObject(refused)
    await expect(store.info(key)).rejects.toMatchObject(refused)
    await expect(store.delete(key)).rejects.toMatchObject(refused)
    expect(await keysBelow(store, '')).toEqual([])
  })

  it.each(['../', '/', 'a/../', 'a b', '..'])('refuses the prefix %j', async (prefix) => {
    const store = await fresh()
    await expect(keysBelow(store, prefix)).rejects.toMatchObject({ code: 'invalid-request' })
  })
}
