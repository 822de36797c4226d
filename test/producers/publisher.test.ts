import { crc32, deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { imageIdOf, pairIdOf, pairKey } from '../../src/core/ids.ts'
import { imageBlobKey, pairRecordProblem } from '../../src/core/pair-record.ts'
import { inspectImage } from '../../src/models/decode-image.ts'
import { AppError } from '../../src/core/errors.ts'
import { createBench, entryOf } from './publishing.ts'
import { pictureOf } from './reading.ts'

/** A PNG that claims a size and holds next to nothing. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0])
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = chunk('IDAT', deflateSync(Buffer.alloc(100)))
  return Buffer.concat([signature, chunk('IHDR', header), data, chunk('IEND', Buffer.alloc(0))])
}

describe('publish', () => {
  it('stores the blob and a record that consumers accept', async () => {
    const { log, blobs, publisher } = await createBench()
    const red = await pictureOf('red')
    const entry = entryOf(red, {
      caption: ' A  red card. ',
      split: 'val',
      subject: 'someone',
      metadata: { shelf: '3' },
    })
    const { outcome, imageId, pairId, position } = await (await publisher()).publish(entry)

    expect(outcome).toBe('accepted')
    expect(imageId).toBe(imageIdOf(red))
    expect(pairId).toBe(pairIdOf(imageIdOf(red), 'A red card.', 'someone'))
    expect(Buffer.from((await blobs.get(imageBlobKey(imageIdOf(red)))) ?? [])).toEqual(red)
    const record = await log.read('pairs', position?.partition ?? -1, position?.offset ?? -1)
    expect(record).toMatchObject({ key: pairKey(imageId ?? '', pairId ?? '') })
    expect(record === null ? 'absent' : pairRecordProblem(record, 4)).toBeNull()
    expect(record?.value).toMatchObject({
      caption: ' A  red card. ',
      split: 'validation',
      contentType: 'image/jpeg',
      width: 24,
      height: 16,
      metadata: { shelf: '3' },
      publishedAt: 1_000,
      picture: null,
    })
  })

  it('puts the blob before the record, and again where it exists', async () => {
    const { log, blobs, publisher } = await createBench()
    const steps: string[] = []
    const { publish } = await publisher({
      blobs: { ...blobs, put: (key, bytes) => blobs.put(key, bytes).then(() => void steps.push('blob')) },
      log: { ...log, append: (records) => (steps.push('record'), log.append(records)) },
    })
    const red = await pictureOf('red')
    await publish(entryOf(red, { caption: 'one' }))
    await publish(entryOf(red, { caption: 'two' }))
    expect(steps).toEqual(['blob', 'record', 'blob', 'record'])
  })

  it('knows a pair that is live, whatever its white space, and refuses one that was erased', async () => {
    const { publisher, pairs } = await createBench()
    const red = await pictureOf('red')
    await (await publisher()).publish(entryOf(red))
    expect(await (await publisher()).publish(entryOf(red, { caption: 'A red\tcard.' }))).toMatchObject({
      outcome: 'duplicate',
    })

    const erased = pairIdOf(imageIdOf(red), 'Gone.')
    const { publish } = await publisher({ isErased: (pairId) => pairId === erased })
    expect(await publish(entryOf(red, { caption: 'Gone.' }))).toMatchObject({
      outcome: 'rejected',
      code: 'pair-erased',
      pairId: erased,
    })
    expect(await pairs()).toHaveLength(1)
  })

  it('inspects a picture once for its captions', async () => {
    const { publisher } = await createBench()
    let inspections = 0
    const { publish } = await publisher({ inspect: (bytes) => ((inspections += 1), inspectImage(bytes)) })
    const red = await pictureOf('red')
    const outcomes = await Promise.all([1, 2, 3, 4, 5].map((n) => publish(entryOf(red, { caption: `Caption ${n}` }))))
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(5).fill('accepted'))
    expect(inspections).toBe(1)
  })

  it.each([
    ['caption-empty', { caption: ' \n' }],
    ['caption-too-long', { caption: 'x'.repeat(100_000) }],
    ['text-not-utf8', { caption: 'lone \ud800' }],
    ['split-unknown', { split: 'moon' }],
    ['metadata-invalid', { metadata: { nested: { a: 1 } as unknown as string } }],
    ['metadata-invalid', { metadata: { long: 'x'.repeat(4_097) } }],
    ['metadata-invalid', { metadata: { '': 'x' } }],
    ['metadata-invalid', { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`n${n}`, ''])) }],
    ['metadata-invalid', { subject: '' }],
    ['source-entry-invalid', { image: () => Promise.reject(new AppError('source-entry-invalid', 'gone')) }],
    ['image-type-refused', { image: () => Promise.resolve(Buffer.from('hello, I am a text')) }],
    ['image-type-refused', { image: () => Promise.resolve(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')) }],
  ])('rejects with %s: %#', async (code, changes) => {
    const { publisher, pairs, blobs } = await createBench()
    const outcome = await (await publisher()).publish(entryOf(await pictureOf('red'), changes))
    expect(outcome).toMatchObject({ outcome: 'rejected', code, position: null })
    expect(outcome.detail).not.toBe('')
    expect(await pairs()).toEqual([])
    for await (const blob of blobs.list('images')) expect(blob).toBe('no blob')
  })

  it('rejects truncated and enormous pictures', async () => {
    const { publish } = await (await createBench()).publisher()
    const red = await pictureOf('red')
    expect(await publish(entryOf(red.subarray(0, red.length / 2)))).toMatchObject({ code: 'image-unreadable' })
    const huge = pngHeader(20_000, 20_000)
    expect(await publish(entryOf(huge))).toMatchObject({ code: 'image-too-large' })
  })

  it('throws when a disk is full, stores no record without its blob, and goes on when there is room', async () => {
    const red = await pictureOf('red')
    const full = await createBench({ blobBytes: 10 })
    await expect((await full.publisher()).publish(entryOf(red))).rejects.toMatchObject({ code: 'storage-full' })
    expect(await full.pairs()).toEqual([])

    const { log, pairs, publisher } = await createBench()
    const refuse = (): Promise<never> => Promise.reject(new AppError('publish-unconfirmed', 'no answer'))
    const seen = new Set<string>()
    await expect(
      (await publisher({ log: { ...log, append: refuse } })).publishImage([entryOf(red)], seen),
    ).rejects.toMatchObject({
      code: 'publish-unconfirmed',
    })
    expect(await (await publisher()).publishImage([entryOf(red)], seen)).toMatchObject([{ outcome: 'accepted' }])
    expect(await pairs()).toHaveLength(1)
  })
})

describe('a store that does not answer', () => {
  it('is given up after the deadline, with nothing in the log', async () => {
    const { blobs, pairs, publisher } = await createBench()
    const silent = { ...blobs, put: () => new Promise<never>(() => undefined) }
    const { publish } = await publisher({ blobs: silent, deadline: 20 })
    await expect(publish(entryOf(await pictureOf('red')))).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    expect(await pairs()).toEqual([])
  })

  it('keeps nobody waiting past the deadline, neither who is in turn nor who waits for it', async () => {
    const { log, blobs, publisher } = await createBench()
    const silent = { ...log, append: () => new Promise<never>(() => undefined) }
    const swift = { ...blobs, put: async () => undefined }
    const { publish } = await publisher({ log: silent, blobs: swift, concurrency: 1, deadline: 20 })
    const red = await pictureOf('red')
    for (const sent of ['one', 'two', 'three'].map((caption) => publish(entryOf(red, { caption }))))
      await expect(sent).rejects.toMatchObject({ code: 'publish-unconfirmed' })
  })

  it('lets only so many wait, and takes them up again in their order', async () => {
    const { blobs, pairs, publisher } = await createBench()
    let answer: () => void = () => undefined
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const slow = { ...blobs, put: (key: string, bytes: Uint8Array) => answered.then(() => blobs.put(key, bytes)) }
    const { publish } = await publisher({ blobs: slow, concurrency: 1, waiting: 2 })
    const red = await pictureOf('red')
    const taken = ['one', 'two', 'three'].map((caption) => publish(entryOf(red, { caption })))
    await expect(publish(entryOf(red, { caption: 'four' }))).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    answer()
    await Promise.all(taken)
    expect((await pairs()).map(({ caption }) => caption)).toEqual(['one', 'two', 'three'])
  })
})

it('lets only so many bytes wait', async () => {
  const { log, publisher } = await createBench()
  let answer: () => void = () => undefined
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const slow: typeof log = { ...log, append: (records) => answered.then(() => log.append(records)) }
  const { publish } = await publisher({ log: slow, concurrency: 1, waitingBytes: 100 })
  const red = await pictureOf('red')
  const taken = [200, 60, 40].map((bytes) => publish(entryOf(red, { caption: `${bytes}`, bytes })))
  await expect(publish(entryOf(red, { caption: 'four', bytes: 1 }))).rejects.toMatchObject({
    code: 'publish-unconfirmed',
  })
  answer()
  await Promise.all(taken)
  expect(await publish(entryOf(red, { caption: 'five', bytes: 100 }))).toMatchObject({ outcome: 'accepted' })
})

describe('publishImage', () => {
  it('settles each of a picture’s pairs, and appends the new ones in order', async () => {
    const { publisher, pairs } = await createBench()
    const red = await pictureOf('red')
    const captions = ['one', '', 'two', 'one', 'three']
    const outcomes = await (await publisher()).publishImage(captions.map((caption) => entryOf(red, { caption })))
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'accepted',
      'rejected',
      'accepted',
      'duplicate',
      'accepted',
    ])
    expect((await pairs()).map(({ caption }) => caption)).toEqual(['one', 'two', 'three'])
  })

  it('publishes a picture without a caption', async () => {
    const { publisher, pairs } = await createBench()
    const red = await pictureOf('red')
    const [outcome] = await (await publisher()).publishImage([entryOf(red, { caption: null })])
    expect(outcome?.pairId).toBe(pairIdOf(imageIdOf(red), null))
    expect((await pairs())[0]?.caption).toBeNull()
  })
})
