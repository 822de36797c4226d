import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { pairIdOf } from '../../src/core/ids.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { documentVectors } from './interoperability/document-examples.ts'
import { startLateRegistry } from './interoperability/late-registry.ts'
import { runKcat, splitValues } from './interoperability/kcat.ts'
import {
  createPythonProgram,
  type Follower,
  type Picture,
  type PythonProgram,
} from './interoperability/python-program.ts'
import { createRegistryFraming } from './interoperability/registry-framing.ts'
import { produceForeign } from './kafka-fixture.ts'
import { createInstallation, eventually, type Installation, type RoleProcess } from './role-processes.ts'
import { writeSceneFolder } from './scene-folder.ts'

type Json = Record<string, unknown>
type Hit = { readonly captions: readonly { readonly pairId: string }[] }

let installation: Installation
let api: RoleProcess
let folder: string
let python: PythonProgram
let follower: Follower
/** What was written to `pairs.indexed` that nobody can read. */
const careless = new Map<string, Buffer>()

const prefix = (): string => installation.environment['KAFKA_PREFIX'] ?? ''
const get = async (path: string): Promise<{ status: number; body: Json }> => {
  const response = await fetch(api.address + path)
  return { status: response.status, body: (await response.json()) as Json }
}
const statusOf = async (pairId: string): Promise<unknown> => (await get(`/v1/pairs/${pairId}`)).body['status']
const isFound = async (pairId: string, caption: string): Promise<boolean> => {
  const { body } = await get(`/v1/search?target=captions&limit=100&q=${encodeURIComponent(caption)}`)
  return (body['hits'] as readonly Hit[]).some(({ captions }) => captions.some((own) => own.pairId === pairId))
}
const isTrue = (answer: boolean): boolean => answer
const isDone = ({ body }: { body: Json }): boolean => body['state'] === 'done'

const framing = createRegistryFraming(inject('servers').registry)

/** A picture that no other has the bytes of: noise, which PNG cannot make smaller. */
async function writePicture(edge: number): Promise<Picture & { readonly bytes: Buffer }> {
  const raw = { width: edge, height: edge, channels: 3 } as const
  const bytes = await sharp(randomBytes(edge * edge * 3), { raw })
    .png()
    .toBuffer()
  const path = join(folder, `${randomBytes(4).toString('hex')}.png`)
  await writeFile(path, bytes)
  return { path, contentType: 'image/png', width: edge, height: edge, bytes }
}

beforeAll(async () => {
  installation = await createInstallation({ FIRST_TRAINING_PAIRS: '200', TRAINING_EPOCHS: '2', GATE_MARGIN: '0.0001' })
  folder = await mkdtemp(join(tmpdir(), 'pairstream-interoperability-'))
  const { kafka, registry } = inject('servers')
  python = await createPythonProgram({ brokers: kafka, registry, prefix: prefix() })
  api = await installation.start(['api'])
  await installation.start(['embed'])
  await installation.start(['count', 'train', 'release', 'erase'])
  await writeSceneFolder(join(folder, 'scenes'), { count: 240, part: 'first' })
  const published = await installation.run('publish', join(folder, 'scenes'), '--json')
  expect(published.status, published.stderr).toBe(0)
  await eventually(
    () => get('/v1/status'),
    ({ body }) => body['release'] !== null,
    150_000,
  )
  await api.ready()
  follower = python.follow('followers-of-pairstream')
})
afterAll(async () => {
  await follower.stop()
  await installation.stop()
  await python.remove()
  await rm(folder, { recursive: true, force: true })
})

describe('a program in Python that follows docs/events.md', () => {
  it('computes the test vectors', async () => {
    const vectors = JSON.parse(documentVectors()) as {
      readonly images: readonly Json[]
      readonly captions: readonly { readonly caption: string; readonly normalised?: string }[]
      readonly pairs: readonly Json[]
      readonly record: { readonly framed: string }
    }
    const { schema } = (await (
      await fetch(`${inject('servers').registry}/subjects/${prefix()}pairs-value/versions/latest`)
    ).json()) as { schema: string }
    const computed = JSON.parse(await python.run('vectors.py', JSON.stringify(vectors), schema)) as Json
    expect(computed).toEqual({
      images: vectors.images,
      captions: vectors.captions.map(({ caption, normalised }) =>
        normalised === undefined ? { caption, refused: true } : { caption, normalised },
      ),
      pairs: vectors.pairs,
      framed: vectors.record.framed,
    })
  })

  it('publishes a pair that is embedded and found, its picture moved to the blob store; its tombstone erases it for good', async () => {
    const caption = 'a large red circle above three small blue squares, says a program'
    const picture = await writePicture(540)
    expect(picture.bytes.length).toBeGreaterThan(870_000)
    expect(picture.bytes.length).toBeLessThanOrEqual(900_000)
    const { imageId, pairId } = await python.publish(picture, caption)

    await eventually(
      () => statusOf(pairId),
      (status) => status === 'indexed',
    )
    await eventually(() => isFound(pairId, caption), isTrue)
    const content = await fetch(`${api.address}/v1/images/${imageId}/content`)
    expect(Buffer.from(await content.arrayBuffer()).equals(picture.bytes)).toBe(true)
    await eventually(async () => follower.lines().some(({ found }) => found === pairId), isTrue)

    await python.erase({ imageId, pairId })
    await eventually(() => get(`/v1/erasures/${pairId}`), isDone)
    expect(await statusOf(pairId)).toBe('erased')
    expect(await isFound(pairId, caption)).toBe(false)

    // Published once more, it is accepted by the broker and dropped by every consumer.
    const again = await python.publish(picture, caption)
    expect(again.pairId).toBe(pairId)
    await eventually(
      () => get('/v1/status'),
      ({ body }) => Object.values(body['lag'] as Record<string, number>).every((records) => records === 0),
    )
    expect(await statusOf(pairId)).toBe('erased')
    expect(await isFound(pairId, caption)).toBe(false)
  })

  it('sees what the API erases', async () => {
    const caption = 'a small green triangle beside a large yellow circle, says a program'
    const { pairId } = await python.publish(await writePicture(32), caption)
    await eventually(() => isFound(pairId, caption), isTrue)
    expect((await fetch(`${api.address}/v1/pairs/${pairId}`, { method: 'DELETE' })).status).toBe(202)
    await eventually(async () => follower.lines().some(({ erased }) => erased === pairId), isTrue)
    await eventually(() => get(`/v1/erasures/${pairId}`), isDone)
    expect(await isFound(pairId, caption)).toBe(false)
  })

  it('finds its mistakes among the dead, each with its cause', { timeout: 240_000 }, async () => {
    const expected = new Map<string, string>()
    const publish = async (mistake: string): Promise<string> => {
      const { path, contentType, width, height } = await writePicture(24)
      const caption = 'a blue square, published carelessly'
      const values = [mistake, path, contentType, String(width), String(height), caption]
      const { imageId, pairId } = JSON.parse(await python.run('careless.py', ...values)) as Record<string, string>
      return `${imageId ?? ''}:${pairId ?? ''}`
    }
    for (const mistake of ['wrong-partition', 'wrong-id', 'record-unreadable']) {
      expected.set(await publish(mistake), mistake)
    }
    const cut = await writePicture(64)
    await writeFile(cut.path, cut.bytes.subarray(0, cut.bytes.length / 2))
    const { imageId, pairId } = await python.publish(cut, 'a picture whose end is missing')
    expected.set(`${imageId}:${pairId}`, 'image-unreadable')

    const indexed = topicValues['pairs.indexed']
    const framed = await framing.frame(`${prefix()}pairs.indexed-value`, indexed)
    careless
      .set('unframed', Buffer.from('unframed'))
      .set('no-such-schema', Buffer.concat([Buffer.of(0, 0x7f, 0xff, 0xff, 0xff), framed.subarray(5)]))
      .set('cut', framed.subarray(0, -2))
      .set('foreign-bytes', Buffer.concat([framed.subarray(0, 5), Buffer.alloc(40, 0xff)]))
      .set('of-another-topic', await framing.frame(`${prefix()}erasures-value`, topicValues.erasures))

    // Tombstones that erase nothing: with a key that is none of a pair, and where the image does not lie.
    const publishSmall = async (caption: string) => python.publish(await writePicture(28), caption)
    const spared = await publishSmall('a pair that nobody erased')
    let gone = await publishSmall('a pair that is erased')
    while (gone.partition === spared.partition) gone = await publishSmall('a pair that is erased')
    const { partition } = gone
    const sparedKey = `${spared.imageId}:${spared.pairId}`
    await produceForeign(
      [inject('servers').kafka],
      [
        { topic: `${prefix()}pairs`, partition, key: 'nothing-of-a-pair', value: null },
        { topic: `${prefix()}pairs`, partition, key: sparedKey, value: null },
        ...[...careless].map(([written, value]) => ({
          topic: `${prefix()}pairs.indexed`,
          partition,
          key: written,
          value,
        })),
      ],
    )
    for (const written of careless.keys()) expected.set(written, 'record-unreadable')
    expected.set('nothing-of-a-pair', 'wrong-id').set(sparedKey, 'wrong-partition')

    const deaths = async (): Promise<Readonly<Record<string, string>>> => {
      const { stdout } = await installation.run('dead-letters', 'list', '--json')
      const letters = JSON.parse(stdout) as readonly { readonly key: string; readonly cause: string }[]
      return Object.fromEntries(letters.map(({ key, cause }) => [key, cause]))
    }
    // A schema that is unknown may be one that a registry has yet to hear of, for half a minute.
    const all = await eventually(deaths, (letters) => Object.keys(letters).length >= expected.size, 150_000)
    expect(all).toEqual(Object.fromEntries(expected))

    // The follower passes them too, and goes on.
    const passed = new RegExp(`^passed ${prefix()}pairs\\.indexed/${partition}/`, 'gm')
    await eventually(
      async () => follower.remarks().match(passed)?.length ?? 0,
      (count) => count >= careless.size,
    )
    expect(follower.remarks().match(passed)).toHaveLength(careless.size)
    await python.erase(gone)
    await eventually(async () => follower.lines().some(({ erased }) => erased === gone.pairId), isTrue)
    expect(follower.lines().some(({ erased }) => erased === spared.pairId)).toBe(false)
  })
})

describe('a follower whose registry is away', () => {
  it('waits for it, and misses nothing of what can be read', async () => {
    const registry = await startLateRegistry(inject('servers').registry, 2)
    const second = python.follow('followers-with-another-registry', registry.address)
    try {
      const wanted = follower.lines().length
      await eventually(
        async () => second.lines().length,
        (count) => count >= wanted,
      )
      expect(second.remarks().match(/^waiting for the registry: /gm)).toHaveLength(2)
      const ordered = (lines: readonly object[]) => lines.map((line) => JSON.stringify(line)).sort()
      expect(ordered(second.lines())).toEqual(ordered(follower.lines()))
    } finally {
      await second.stop()
      await registry.stop()
    }
  })
})

describe('kcat, as docs/events.md calls it', () => {
  const variables = (more: Readonly<Record<string, string>> = {}) => ({
    BROKERS: inject('servers').kafka,
    TOPIC_PREFIX: prefix(),
    ...more,
  })

  it('reads keys, times and headers', async () => {
    const printed = (await runKcat('read', folder, variables())).toString()
    const [first = ''] = printed.split('\n')
    expect(first).toMatch(/^[0-9a-f-]{36} \d{13} .*ce_type=pairstream\.releases\.v\d+/)
  })

  it('reads values in the framing of the registry', async () => {
    const printed = splitValues(await runKcat('readValues', folder, variables()))
    const isCareless = (value: Buffer): boolean => [...careless.values()].some((written) => written.equals(value))
    const values = printed.filter((value) => !isCareless(value))
    expect(values).toHaveLength(printed.length - careless.size)
    expect(values.length).toBeGreaterThanOrEqual(240)
    for (const value of values)
      expect(await framing.unframe(value)).toMatchObject({
        generation: expect.stringMatching(/^g\d+-[0-9a-f]{8}$/) as string,
      })
  })

  it('publishes a framed record that is embedded and found, and erases it', async () => {
    const caption = 'two green circles under a red triangle, says kcat'
    const picture = await writePicture(48)
    const other = await python.publish(picture, 'two green circles')
    const pairId = pairIdOf(other.imageId, caption)
    const value = {
      imageId: other.imageId,
      pairId,
      caption,
      subject: null,
      picture: picture.bytes,
      blobKey: null,
      contentType: picture.contentType,
      width: picture.width,
      height: picture.height,
      perceptualHash: null,
      split: null,
      source: 'kcat',
      metadata: { client: 'kcat' },
      publishedAt: Date.now(),
    }
    await writeFile(join(folder, 'value.bin'), await framing.frame(`${prefix()}pairs-value`, value))
    const named = variables({ PARTITION: String(other.partition), IMAGE_ID: other.imageId, PAIR_ID: pairId })
    await runKcat('publish', folder, named)
    await eventually(() => isFound(pairId, caption), isTrue)
    await eventually(
      () => statusOf(pairId),
      (status) => status === 'indexed',
    )

    await runKcat('erase', folder, named)
    await eventually(() => get(`/v1/erasures/${pairId}`), isDone)
    expect(await isFound(pairId, caption)).toBe(false)
    expect(await isFound(other.pairId, 'two green circles')).toBe(true)
  })
})
