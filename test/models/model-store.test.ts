import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { assembleModelFolder, checkModelFolder, listModelFiles } from '../../src/models/model-folder.ts'
import { createModelStore } from '../../src/models/model-store.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinyModel } from './tiny-model.ts'

async function stored() {
  const root = await temporaryFolder()
  const source = join(root, 'trained')
  const { backboneFolder } = await writeTinyModel(source)
  await assembleModelFolder(source, backboneFolder)
  const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
  const models = createModelStore({ blobs, folder: join(root, 'models') })
  const key = await models.save(source, { modelVersion: 'm-1', snapshot: 'snapshots/abc' })
  const blobCount = async () => {
    let count = 0
    for await (const { key: blob } of blobs.list('models/')) if (blob !== '') count++
    return count
  }
  return { root, source, blobs, models, key, blobCount }
}

const contents = async (folder: string) => {
  const files = await listModelFiles(folder)
  return Promise.all(
    files.map(async (file) => [file, (await readFile(join(folder, file))).toString('base64')] as const),
  )
}

describe('model folder', () => {
  it('is complete once it is put together', async () => {
    const { source } = await stored()
    await expect(checkModelFolder(source)).resolves.toBeUndefined()
    expect(await listModelFiles(source)).toEqual([
      'backbone_config.json',
      'config.json',
      'onnx/image_backbone.onnx',
      'onnx/image_head.onnx',
      'onnx/text_model.onnx',
      'preprocessor_config.json',
      'tokenizer.json',
    ])
  })

  it('is refused by name: no folder, a file missing, a backbone that is none', async () => {
    const { root, source } = await stored()
    const nowhere = join(root, 'nowhere')
    await expect(checkModelFolder(nowhere)).rejects.toMatchObject({ code: 'model-not-found' })
    await rm(join(source, 'tokenizer.json'))
    await expect(checkModelFolder(source)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('tokenizer.json') as string,
    })
    await mkdir(nowhere)
    await expect(assembleModelFolder(source, nowhere)).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('onnx/model.onnx') as string,
    })
  })
})

describe('model store', () => {
  it('gives back what was saved, and the same key for the same model', async () => {
    const { source, models, key } = await stored()
    expect(await contents(await models.open(key))).toEqual(await contents(source))
    expect(await models.manifest(key)).toMatchObject({ modelVersion: 'm-1', snapshot: 'snapshots/abc' })
    expect(await models.save(source, { modelVersion: 'm-1', snapshot: 'snapshots/abc' })).toBe(key)
  })

  it('stores what versions share once', async () => {
    const { source, models, key, blobCount } = await stored()
    await writeFile(join(source, 'onnx', 'image_head.onnx'), 'another head')
    const second = await models.save(source, { modelVersion: 'm-2' })
    expect(second).not.toBe(key)
    expect(await blobCount()).toBe(8)
  })

  it('fetches a damaged or lost local file again', async () => {
    const { source, models, key } = await stored()
    const folder = await models.open(key)
    await writeFile(join(folder, 'onnx', 'text_model.onnx'), 'half a fi')
    await rm(join(folder, 'config.json'))
    expect(await contents(await models.open(key))).toEqual(await contents(source))
  })

  it.each([
    [
      'damaged',
      (blobs: { put(key: string, bytes: Uint8Array): Promise<void> }, key: string) => blobs.put(key, Buffer.from('x')),
    ],
    ['missing', (blobs: { delete(key: string): Promise<void> }, key: string) => blobs.delete(key)],
  ])('refuses a model with a %s file', async (word, spoil) => {
    const { models, blobs, key } = await stored()
    const head = (await models.manifest(key)).files.find(({ path }) => path === 'onnx/image_head.onnx')
    await spoil(blobs, `models/${head?.sha256 ?? ''}`)
    await expect(models.open(key)).rejects.toMatchObject({
      code: 'model-corrupt',
      message: expect.stringContaining(`onnx/image_head.onnx is ${word}`) as string,
    })
  })

  it('refuses a manifest that does not exist, is damaged, or leads outside', async () => {
    const { models, blobs, key, source } = await stored()
    await expect(models.open('manifests/none.json')).rejects.toMatchObject({ code: 'model-not-found' })
    await blobs.put(key, Buffer.from('{}'))
    await expect(models.open(key)).rejects.toMatchObject({ code: 'model-corrupt' })
    await expect(models.save(source, { modelVersion: '../escape' })).rejects.toThrow()
  })

  it('exports into a new folder, and into no other', async () => {
    const { root, source, models, key } = await stored()
    const target = join(root, 'exported')
    await models.export(key, target)
    expect(await contents(target)).toEqual(await contents(source))
    await expect(models.export(key, target)).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(models.export(key, join(target, 'config.json'))).rejects.toMatchObject({ code: 'invalid-request' })
    expect(await readdir(root)).toContain('exported')
  })
})
