import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { openBackbone, type Backbone } from '../../src/models/backbone.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { createFeatureCache } from '../../src/models/feature-cache.ts'
import type { BlobStore } from '../../src/ports/blob-store.ts'
import type { ImageInput } from '../../src/ports/encoder.ts'
import { photographs } from '../fixtures/photographs.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const idOf = (number: number): string => imageIdOf(Buffer.from(`image ${number}`))
const valuesOf = (number: number): Float32Array => Float32Array.from({ length: 6 }, (_, i) => number + i / 8)
const entries = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => [idOf(from + i), valuesOf(from + i)] as const)

async function setUp(rowsPerShard = 4) {
  const root = await temporaryFolder()
  const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
  const folder = join(root, 'features')
  const open = () => createFeatureCache({ blobs, folder, rowsPerShard })
  return { root, blobs, folder, open }
}

async function keysOf(blobs: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of blobs.list('features/')) keys.push(key)
  return keys
}

/** The built-in backbone, counting the pictures it is given. */
async function countingBackbone(folder: string): Promise<{ backbone: Backbone; pictures: () => number }> {
  await writeBuiltInBackbone(folder)
  const backbone = await openBackbone(folder)
  let pictures = 0
  const run: Backbone['run'] = (pixels) => {
    pictures += pixels.length
    return backbone.run(pixels)
  }
  return { backbone: { ...backbone, run }, pictures: () => pictures }
}

async function pictures(count: number): Promise<{ images: ImageInput[]; imageIds: string[]; reads: () => number }> {
  const files = await photographs(count)
  let reads = 0
  const images = files.map((bytes) => ({
    imageId: imageIdOf(bytes),
    bytes: async () => {
      reads++
      return bytes
    },
  }))
  return { images, imageIds: images.map(({ imageId }) => imageId), reads: () => reads }
}

describe('feature cache', () => {
  it('gives back what was put, from memory and from files, to the last bit', async () => {
    const { open } = await setUp()
    const cache = open()
    await cache.put('b1', 'plain', entries(0, 10))
    const ids = entries(0, 12).map(([imageId]) => imageId)
    expect(await cache.get('b1', 'plain', ids)).toEqual(new Map(entries(0, 10)))
    await cache.close()
    expect(await open().get('b1', 'plain', ids)).toEqual(new Map(entries(0, 10)))
  })

  it('keeps backbones and views apart', async () => {
    const { open } = await setUp()
    const cache = open()
    await cache.put('b1', 'plain', entries(0, 1))
    expect((await cache.get('b1', 'flipped', [idOf(0)])).size).toBe(0)
    expect((await cache.get('b2', 'plain', [idOf(0)])).size).toBe(0)
  })

  it('has what was flushed after a crash, and writes full shards by itself', async () => {
    const { open, blobs } = await setUp()
    await open().put('b1', 'plain', entries(0, 9)) // never closed: the ninth is lost
    expect(await keysOf(blobs)).toHaveLength(2)
    const reopened = open()
    const ids = entries(0, 9).map(([imageId]) => imageId)
    expect((await reopened.get('b1', 'plain', ids)).size).toBe(8)
  })

  it('fetches local copies that are lost', async () => {
    const { open, folder } = await setUp()
    const cache = open()
    await cache.put('b1', 'plain', entries(0, 4))
    await cache.close()
    await rm(folder, { recursive: true })
    expect(await open().get('b1', 'plain', [idOf(3)])).toEqual(new Map(entries(3, 4)))
  })

  it('discards damaged shards, wherever the damage is, and never gives a wrong number', async () => {
    for (const position of [0, 5, 14, 90, -1, -30]) {
      const { open, blobs, folder } = await setUp()
      const cache = open()
      await cache.put('b1', 'plain', entries(0, 4))
      await cache.close()
      const [key = ''] = await keysOf(blobs)
      const local = join(folder, 'b1', 'plain', key.split('/').at(-1) ?? '')
      const bytes = await readFile(local)
      const at = position < 0 ? bytes.length + position : position
      bytes.writeUInt8((bytes.at(at) ?? 0) ^ 0x40, at)
      await writeFile(local, bytes)
      await blobs.put(key, bytes)
      const reopened = open()
      const found = await reopened.get(
        'b1',
        'plain',
        entries(0, 4).map(([imageId]) => imageId),
      )
      for (const [imageId, values] of found) expect(new Map(entries(0, 4)).get(imageId)).toEqual(values)
      expect(found.size).toBeLessThan(4)
      await reopened.put('b1', 'plain', entries(0, 4))
      await reopened.close()
      expect(
        await open().get(
          'b1',
          'plain',
          entries(0, 4).map(([id]) => id),
        ),
      ).toEqual(new Map(entries(0, 4)))
    }
  })

  it('repairs a damaged local copy from the blob store', async () => {
    const { open, blobs, folder } = await setUp()
    const cache = open()
    await cache.put('b1', 'plain', entries(0, 4))
    await cache.close()
    const [key = ''] = await keysOf(blobs)
    const local = join(folder, 'b1', 'plain', key.split('/').at(-1) ?? '')
    await writeFile(local, (await readFile(local)).subarray(0, 100))
    expect((await open().get('b1', 'plain', [idOf(0)])).size).toBe(1)
  })

  it('erases from memory, files and blobs, under every backbone and view, and keeps the rest', async () => {
    const { open, blobs, folder } = await setUp()
    const before = open()
    await before.put('b1', 'plain', entries(0, 6))
    await before.put('b2', 'flipped', entries(0, 4))
    await before.close()
    const cache = open() // knows neither set yet
    await cache.erase([idOf(1), idOf(5)])
    await cache.close()
    const after = open()
    const ids = entries(0, 6).map(([imageId]) => imageId)
    expect([...(await after.get('b1', 'plain', ids)).keys()].sort()).toEqual([0, 2, 3, 4].map(idOf).sort())
    expect([...(await after.get('b2', 'flipped', ids)).keys()].sort()).toEqual([0, 2, 3].map(idOf).sort())
    const needle = Buffer.from(idOf(1).replaceAll('-', ''), 'hex')
    for (const key of await keysOf(blobs))
      expect(Buffer.from((await blobs.get(key)) ?? []).includes(needle)).toBe(false)
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect((await readFile(join(file.parentPath, file.name))).includes(needle)).toBe(false)
    }
  })

  it('computes what it does not know, once, and equals the bare backbone', async () => {
    const { root, open } = await setUp()
    const { backbone, pictures: run } = await countingBackbone(join(root, 'backbone'))
    const { images, reads } = await pictures(6)
    const cache = open()
    const plain = await cache.features(images, backbone, ['plain'])
    expect([run(), reads()]).toEqual([6, 6])
    const both = await cache.features(images, backbone, ['plain', 'flipped'])
    expect([run(), reads()]).toEqual([12, 12])
    expect(both.map(([first]) => first)).toEqual(plain.map(([first]) => first))
    await cache.close()
    const reopened = open()
    expect(await reopened.features(images, backbone, ['plain', 'flipped'])).toEqual(both)
    expect([run(), reads()]).toEqual([12, 12])
    const nameless = images.map(({ bytes }) => ({ imageId: null, bytes }))
    const bare = await reopened.features(nameless, backbone, ['flipped'])
    for (const [index, [values = new Float32Array()]] of bare.entries()) {
      values.forEach((value, i) => expect(value).toBeCloseTo(both[index]?.[1]?.[i] ?? NaN, 4))
    }
  })

  it('does not keep what is erased while it is being computed', async () => {
    const { root, open } = await setUp()
    const { backbone } = await countingBackbone(join(root, 'backbone'))
    const { images, imageIds } = await pictures(1)
    const cache = open()
    const [image] = images
    const erasing: ImageInput = {
      imageId: imageIds[0] ?? null,
      async bytes() {
        await cache.erase(imageIds)
        return (await image?.bytes()) ?? new Uint8Array()
      },
    }
    await cache.features([erasing], backbone, ['plain'])
    expect((await cache.get(backbone.id, 'plain', imageIds)).size).toBe(0)
  })

  it('does not keep what is no longer alive when it has been computed', async () => {
    const { root, blobs, folder } = await setUp()
    const { backbone } = await countingBackbone(join(root, 'backbone'))
    const { images, imageIds } = await pictures(2)
    const cache = createFeatureCache({ blobs, folder, isLive: (imageId) => imageId !== imageIds[0] })
    await cache.features(images, backbone, ['plain'])
    expect([...(await cache.get(backbone.id, 'plain', imageIds)).keys()]).toEqual(imageIds.slice(1))
  })

  it('knows what other processes have written, and erases it there too', async () => {
    const { root, blobs } = await setUp()
    const erased = new Set<string>()
    const open = (name: string) =>
      createFeatureCache({
        blobs,
        folder: join(root, name),
        rowsPerShard: 4,
        isLive: (imageId) => !erased.has(imageId),
      })
    const [one, other, third] = [open('one'), open('other'), open('third')]
    const ids = entries(0, 12).map(([imageId]) => imageId)
    await other.put('b1', 'plain', entries(0, 4))
    await one.put('b1', 'plain', entries(4, 8))
    await one.refresh()
    expect((await one.get('b1', 'plain', ids)).size).toBe(8)
    await other.refresh()
    await other.put('b1', 'plain', entries(8, 12))

    erased.add(idOf(1)).add(idOf(9))
    await one.erase([idOf(1)])
    await third.sweep()
    await other.refresh()
    const left = [0, 2, 3, 4, 5, 6, 7, 8, 10, 11].map(idOf).sort()
    for (const cache of [other, third, open('fourth')]) {
      expect([...(await cache.get('b1', 'plain', ids)).keys()].sort()).toEqual(left)
    }
    const needle = Buffer.from(idOf(1).replaceAll('-', ''), 'hex')
    for (const folder of ['one', 'other', 'third', 'blobs']) {
      for (const file of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
        if (file.isFile()) expect((await readFile(join(file.parentPath, file.name))).includes(needle)).toBe(false)
      }
    }
    for (const cache of [one, other, third]) await cache.close()
  })

  it('can be closed while a sweep fetches what others have stored', async () => {
    const { root, blobs } = await setUp()
    const other = createFeatureCache({ blobs, folder: join(root, 'other'), rowsPerShard: 1 })
    await other.put('b1', 'plain', entries(0, 4))
    await other.put('b1', 'plain', entries(4, 8))
    await other.close()
    let fetched = 0
    let begun: () => void = () => undefined
    const isFetching = new Promise<void>((resolve) => (begun = resolve))
    const get: BlobStore['get'] = async (key) => {
      fetched++
      begun()
      return blobs.get(key)
    }
    const sweeping = createFeatureCache({ blobs: { ...blobs, get }, folder: join(root, 'sweeping') })
    const swept = expect(sweeping.sweep()).rejects.toMatchObject({ code: 'not-ready' })
    await isFetching
    await sweeping.close()
    await swept
    expect(fetched).toBe(1)
  })

  it('lets go who is told to stop while it fetches, and gives the next what was fetched', async () => {
    const { root, blobs, open } = await setUp()
    const { backbone, pictures: run } = await countingBackbone(join(root, 'backbone'))
    const { images } = await pictures(1)
    const writing = open()
    await writing.features(images, backbone, ['plain'])
    await writing.close()
    const stopping = new AbortController()
    let fetched = 0
    let answer: () => void = () => undefined
    const mayAnswer = new Promise<void>((resolve) => (answer = resolve))
    const get: BlobStore['get'] = async (key) => {
      fetched++
      stopping.abort()
      await mayAnswer
      return blobs.get(key)
    }
    const reading = createFeatureCache({ blobs: { ...blobs, get }, folder: join(root, 'reading') })
    const stopped = reading.features(images, backbone, ['plain'], stopping.signal)
    await expect(stopped).rejects.toMatchObject({ code: 'not-ready' })
    answer()
    await reading.features(images, backbone, ['plain'])
    expect([fetched, run()]).toEqual([1, 1])
    await reading.close()
  })

  it('reads no further picture once it is told to stop, and waits for none', async () => {
    const { root, open } = await setUp()
    const { backbone } = await countingBackbone(join(root, 'backbone'))
    const { images, reads } = await pictures(20)
    const [first, ...others] = images
    const whenStopped = async (imageId: string | null, bytes: Promise<Uint8Array>, rest: readonly ImageInput[]) => {
      const cache = open()
      const stopping = new AbortController()
      const stop = () => {
        stopping.abort()
        return bytes
      }
      const given = [{ imageId, bytes: stop }, ...rest]
      await expect(cache.features(given, backbone, ['plain'], stopping.signal)).rejects.toMatchObject({
        code: 'not-ready',
      })
      await cache.close()
    }
    await whenStopped(first?.imageId ?? null, first?.bytes() ?? Promise.reject(new Error('no picture')), others)
    expect(reads()).toBeLessThan(others.length)
    await whenStopped(null, new Promise<never>(() => undefined), [])
  })

  it('does not write what was erased since it was computed, when a shard is full, at the end and after a refresh', async () => {
    const { root, blobs } = await setUp()
    const erased = new Set<string>()
    const open = (name: string) =>
      createFeatureCache({ blobs, folder: join(root, name), rowsPerShard: 4, isLive: (id) => !erased.has(id) })
    const [embedding, erasing] = [open('embedding'), open('erasing')]
    const erase = async (number: number) => {
      erased.add(idOf(number))
      await erasing.erase([idOf(number)])
    }
    await embedding.put('b1', 'plain', entries(0, 3))
    await erase(1)
    await embedding.put('b1', 'plain', entries(3, 5)) // a shard's worth
    await erase(3)
    await embedding.put('b1', 'plain', entries(5, 7))
    await erase(5)
    await embedding.refresh()
    expect((await embedding.get('b1', 'plain', [idOf(5)])).size).toBe(0)
    await erase(6)
    await embedding.close()
    const needles = [1, 3, 5, 6].map((number) => Buffer.from(idOf(number).replaceAll('-', ''), 'hex'))
    for (const key of await keysOf(blobs)) {
      const bytes = Buffer.from((await blobs.get(key)) ?? [])
      for (const needle of needles) expect(bytes.includes(needle)).toBe(false)
    }
    const ids = entries(0, 7).map(([imageId]) => imageId)
    const left = await open('later').get('b1', 'plain', ids)
    expect([...left.keys()].sort()).toEqual([0, 2, 4].map(idOf).sort())
  })

  it('fetches nothing for pictures that have no id, nor when it is refreshed before it was used', async () => {
    const { root, blobs, open } = await setUp()
    const { backbone } = await countingBackbone(join(root, 'backbone'))
    const { images } = await pictures(1)
    const writing = open()
    await writing.put(backbone.id, 'plain', entries(0, 8))
    await writing.close()
    let fetched = 0
    const get: BlobStore['get'] = (key) => {
      fetched++
      return blobs.get(key)
    }
    const reading = createFeatureCache({ blobs: { ...blobs, get }, folder: join(root, 'api') })
    await reading.refresh()
    const [query] = await reading.features(
      images.map(({ bytes }) => ({ imageId: null, bytes })),
      backbone,
      ['plain'],
    )
    expect(query?.[0]?.length).toBe(backbone.featureWidth)
    await reading.refresh()
    expect(fetched).toBe(0)
    await reading.get(backbone.id, 'plain', [idOf(0)])
    expect(fetched).toBe(2)
  })

  describe('where the local disk keeps nothing', () => {
    /** Whatever is written to the local file of this name is gone. */
    const lose = (folder: string, name: string) => symlink('/dev/null', join(folder, 'b1', 'plain', `${name}.part`))
    const nameOf = (key = '') => key.split('/').at(-1) ?? ''

    it('says so, and does not write the same shard without end', async () => {
      const elsewhere = await setUp()
      await elsewhere.open().put('b1', 'plain', entries(0, 4))
      const [key] = await keysOf(elsewhere.blobs)
      const { open, blobs, folder } = await setUp()
      const cache = open()
      await cache.get('b1', 'plain', [])
      await lose(folder, nameOf(key))
      await expect(cache.put('b1', 'plain', entries(0, 4))).rejects.toMatchObject({ code: 'not-ready' })
      expect((await cache.get('b1', 'plain', [idOf(0)])).size).toBe(1)
      await cache.refresh() // the disk is well again
      expect(await keysOf(blobs)).toEqual([key])
      expect((await readdir(join(folder, 'b1', 'plain'))).sort()).toEqual([nameOf(key)])
    })

    it('leaves the shards of others in the blob store', async () => {
      const { root, open, blobs } = await setUp()
      const cache = open()
      await cache.put('b1', 'plain', entries(0, 4))
      await cache.close()
      const [key] = await keysOf(blobs)
      const folder = join(root, 'other')
      const get: BlobStore['get'] = async (asked) => {
        await lose(folder, nameOf(asked))
        return blobs.get(asked)
      }
      const other = createFeatureCache({ blobs: { ...blobs, get }, folder })
      await expect(other.get('b1', 'plain', [idOf(0)])).rejects.toMatchObject({ code: 'not-ready' })
      expect(await keysOf(blobs)).toEqual([key])
    })
  })

  describe('for the captions of pairs', () => {
    const captions = Array.from({ length: 70 }, (_, i) => ({ pairId: idOf(i), caption: `caption ${i}` }))
    const embeddingOf = (caption: string) => Float32Array.of(Number(caption.split(' ')[1]), 1)
    const embeddings = captions.map(({ caption }) => embeddingOf(caption))

    /** An encoder that says what it was given; `onCall` hears of each call before it is answered. */
    function listening(onCall: (calls: number) => unknown = () => undefined) {
      const given: string[][] = []
      const encode = async (texts: readonly string[]) => {
        await onCall(given.push([...texts]))
        return texts.map(embeddingOf)
      }
      return { given, encoder: { id: 's1', encode } }
    }

    it('has each read once, a few at a time, and keeps it over a restart', async () => {
      const { open } = await setUp()
      const { given, encoder } = listening()
      const cache = open()
      expect(await cache.sentences(captions.slice(0, 50), encoder)).toEqual(embeddings.slice(0, 50))
      expect(await cache.sentences(captions.slice(40).reverse(), encoder)).toEqual(embeddings.slice(40).reverse())
      expect(given.flat().sort()).toEqual(captions.map(({ caption }) => caption).sort())
      expect(given.map(({ length }) => length)).toEqual([32, 18, 20])
      await cache.close()
      const nobody = { id: 's1', encode: () => Promise.reject(new Error('was read again')) }
      const reopened = open()
      expect(await reopened.sentences(captions, nobody)).toEqual(embeddings)
      expect(await reopened.sentences([], nobody)).toEqual([])
      const other = listening()
      await reopened.sentences(captions.slice(0, 1), { ...other.encoder, id: 's2' })
      expect(other.given).toHaveLength(1)
    })

    it('keeps none of a pair that is erased while it is read, or no longer alive', async () => {
      const { blobs, folder } = await setUp()
      const dead = idOf(2)
      const cache = createFeatureCache({ blobs, folder, rowsPerShard: 1, isLive: (id) => id !== dead })
      const { encoder } = listening(() => cache.erase([idOf(1)]))
      expect(await cache.sentences(captions.slice(0, 4), encoder)).toEqual(embeddings.slice(0, 4))
      const ids = captions.slice(0, 4).map(({ pairId }) => pairId)
      expect([...(await cache.get('s1', 'caption', ids)).keys()]).toEqual([idOf(0), idOf(3)])
      await cache.close()
    })

    it('stops between two calls, and has what was read until then', async () => {
      const { open } = await setUp()
      const cache = open()
      const stopping = new AbortController()
      const { given, encoder } = listening((calls) => calls === 1 && stopping.abort())
      await expect(cache.sentences(captions, encoder, stopping.signal)).rejects.toMatchObject({ code: 'not-ready' })
      expect(given).toHaveLength(1)
      expect(await cache.sentences(captions, encoder)).toEqual(embeddings)
      expect(given.flat()).toHaveLength(captions.length)
    })
  })

  it('throws the error of the picture that cannot be decoded', async () => {
    const { root, open } = await setUp()
    const { backbone } = await countingBackbone(join(root, 'backbone'))
    const { images } = await pictures(2)
    const text = { imageId: null, bytes: async () => Buffer.from('no picture') }
    await expect(open().features([...images, text], backbone, ['plain'])).rejects.toMatchObject({
      code: 'image-type-refused',
    })
  })
})
