import { mkdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useOf } from '../../../src/models/hub/use-of-model.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { COMMIT, hubServer, times, type HubFiles } from './hub-server.ts'
import { filesIn, placeOf, pullFrom, type PullChoices } from './pulling.ts'
import { splitNetwork, swellingNetwork, tinyNetwork, tinyRepository } from './tiny-network.ts'

const setUp = async (files: HubFiles = {}) => ({
  hub: await hubServer({ ...tinyRepository(), ...files }),
  folder: await temporaryFolder(),
})

/** Pulls what must be refused, and gives why; nothing of it may be left in the model's place. */
async function refusalOf(choices: PullChoices): Promise<string> {
  const error: unknown = await pullFrom(choices).catch((thrown: unknown) => thrown)
  expect(await filesIn(placeOf(choices.folder, COMMIT))).toEqual([])
  const { code, message } = error as { code?: string; message?: string }
  return `${code ?? 'not refused'}: ${message ?? ''}`
}

describe('names', () => {
  it.each(['../../escaped.json', '/etc/passwd', 'a/../../b', '..\\b', 'C:\\b', 'config.json\u0000.txt'])(
    'such as %s are the end of the pull',
    async (path) => {
      const { hub, folder } = await setUp()
      hub.announce(path, { size: 3 })
      expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-unsafe: .*leads out of its folder/)
      expect(await filesIn(folder)).toEqual([])
    },
  )

  it('are fetched only where they are asked for by name: no code, no pickles, nothing hidden', async () => {
    const { hub, folder } = await setUp({ '.ssh/config.json': '{}', 'deep/er/config.json': '{}', 'a b.json': '{}' })
    await pullFrom({ url: hub.url, folder })
    expect(hub.fetched().sort()).toEqual(['LICENSE', 'config.json', 'onnx/model.onnx', 'preprocessor_config.json'])
  })
})

describe('content', () => {
  it.each(['onnx/model.onnx', 'config.json'])('of %s that is not what the hub announces is refused', async (path) => {
    const { hub, folder } = await setUp()
    hub.misbehave(
      times(9, `/${path}`, (_, response, file) => {
        const changed = Buffer.from(file ?? '')
        response.end(changed.fill(0x20, changed.length - 1))
        return true
      }),
    )
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-corrupt: .*is not what the hub announces/)
    expect(hub.fetched().filter((each) => each === path)).toHaveLength(1)
  })

  it('that has no end is refused once it is longer than announced', async () => {
    const { hub, folder } = await setUp()
    let sent = 0
    hub.misbehave(
      times(9, '/onnx/model.onnx', (_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(' '.repeat(65_536))) sent += 65_536
        }
        response.on('drain', more)
        more()
        return true
      }),
    )
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-unsafe: onnx\/model.onnx is longer than/)
    expect(sent).toBeLessThan(50_000_000)
  })

  it('whose length nobody announced is bounded all the same', async () => {
    const { hub, folder } = await setUp()
    hub.announce('onnx/model.onnx', { size: null, lfs: null, blobId: null })
    const maxBytes = tinyNetwork().length
    expect(await refusalOf({ url: hub.url, folder, maxBytes })).toMatch(/^model-unsafe: .*longer than/)
    expect((await pullFrom({ url: hub.url, folder })).fetched).toBe(4)
  })

  it('of too many bytes in all is refused before any of it is fetched', async () => {
    const { hub, folder } = await setUp()
    const refusal = await refusalOf({ url: hub.url, folder, maxBytes: tinyNetwork().length })
    expect(refusal).toMatch(/^model-unsafe: .*HUB_MAX_BYTES/)
    expect(hub.fetched()).toEqual(['config.json'])
  })

  it('of more bytes than the disk has is refused before any of it is fetched', async () => {
    const { hub, folder } = await setUp()
    hub.announce('onnx/model.onnx', { lfs: { sha256: 'a'.repeat(64), size: 9e15 } })
    expect(await refusalOf({ url: hub.url, folder, maxBytes: 1e16 })).toMatch(/^storage-full: .*free/)
    expect(hub.fetched()).toEqual(['config.json'])
  })

  it('that the disk has no room for is refused, and the pull goes on once there is', async () => {
    const { hub, folder } = await setUp()
    const part = join(`${placeOf(folder, COMMIT)}.unfinished`, 'onnx/model.onnx.part')
    await mkdir(dirname(part), { recursive: true })
    await symlink('/dev/full', part)
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^storage-full: .*the same command goes on/)
    await rm(part)
    expect((await pullFrom({ url: hub.url, folder })).fetched).toBe(4)
  })

  it('of configuration has bounds of its own', async () => {
    const { hub, folder } = await setUp()
    hub.announce('config.json', { size: 2_000_000 })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-unsafe: config.json has 2000000 bytes/)
    expect(hub.fetched()).toEqual([])
  })
})

describe('JSON', () => {
  it.each([
    ['config.json', '['.repeat(70), 'model-unsafe'],
    ['config.json', 'no JSON', 'model-invalid'],
    ['tokenizer.json', `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`, 'model-unsafe'],
    ['tokenizer.json', '{', 'model-invalid'],
  ])('in %s is refused: %s', async (path, text, code) => {
    const { hub, folder } = await setUp({ [path]: text })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(new RegExp(`^${code}: ${path}`))
  })
})

describe('a network', () => {
  it('that is none is refused', async () => {
    const { hub, folder } = await setUp({ 'onnx/model.onnx': 'not a network' })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-corrupt: /)
  })

  it('that ONNX Runtime cannot load is refused', async () => {
    const { hub, folder } = await setUp({ 'onnx/model.onnx': new Uint8Array([8, 8]) })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-corrupt: .*cannot be loaded/)
  })

  it.each(['../model.onnx_data', '/etc/passwd', '*/_ORT_MEM_ADDR_/*', '.hidden', 'a//b'])(
    'with weights in %s is refused',
    async (location) => {
      const { network } = splitNetwork(location)
      const { hub, folder } = await setUp({ 'onnx/model.onnx': network })
      expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-unsafe: onnx\/model.onnx keeps weights in/)
    },
  )

  it('with weights in a file that there is not is refused', async () => {
    const { hub, folder } = await setUp({ 'onnx/model.onnx': splitNetwork('weights.bin').network })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(
      /^model-invalid: .*onnx\/weights.bin, which the model does not/,
    )
  })

  it('that swells while it is loaded is ended', async () => {
    const { hub, folder } = await setUp({ 'onnx/model.onnx': swellingNetwork() })
    const trial = { time: 20_000, memory: 600_000_000 }
    expect(await refusalOf({ url: hub.url, folder, trial })).toMatch(
      /^model-unsafe: onnx\/model.onnx needs more than 572 MB/,
    )
  })

  it('that takes too long is ended', async () => {
    const { hub, folder } = await setUp()
    const trial = { time: 1, memory: 1e9 }
    expect(await refusalOf({ url: hub.url, folder, trial })).toMatch(/was not loaded within 0.001 s/)
  })
})

describe('weights in safetensors', () => {
  const config = JSON.stringify({ architecture: 'mobilenetv3_small_100', pretrained_cfg: {} })
  /** Two numbers, under a header that says so or not. */
  const weights = (end: number): Uint8Array => {
    const header = JSON.stringify({ a: { dtype: 'F32', shape: [end / 4], data_offsets: [0, end] } })
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    return Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)])
  }

  it('are taken where the network is written here', async () => {
    const { hub, folder } = await setUp({ 'config.json': config, 'model.safetensors': weights(8) })
    const { files, folder: place } = await pullFrom({ url: hub.url, folder })
    expect(files.map(({ path }) => path)).toContain('model.safetensors')
    expect(hub.fetched()).not.toContain('onnx/model.onnx')
    expect(await useOf(place)).toBe(`BACKBONE_DIR=${place} pairstream serve`)
  })

  it('are refused where their header is not true', async () => {
    const { hub, folder } = await setUp({ 'config.json': config, 'model.safetensors': weights(16) })
    expect(await refusalOf({ url: hub.url, folder })).toMatch(/^model-corrupt: /)
  })
})
