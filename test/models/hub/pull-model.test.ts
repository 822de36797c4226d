import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../../src/models/backbone.ts'
import { openPulledModel } from '../../../src/models/hub/pull-model.ts'
import { useOf } from '../../../src/models/hub/use-of-model.ts'
import { openOnnxSession } from '../../../src/models/onnx-session.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { COMMIT, hubServer, REPOSITORY } from './hub-server.ts'
import { filesIn, orderOf, placeOf, pullFrom } from './pulling.ts'
import { splitNetwork, tinyRepository } from './tiny-network.ts'

const chosen = ['LICENSE', 'config.json', 'onnx/model.onnx', 'preprocessor_config.json']

describe('a pull', () => {
  it('brings configuration, licence and network into a folder that opens, and nothing else', async () => {
    const [{ url, fetched }, folder] = [await hubServer(tinyRepository()), await temporaryFolder()]
    const model = await pullFrom({ url, folder })
    expect(model).toMatchObject({ commit: COMMIT, licence: 'apache-2.0', precision: 'fp32', fetched: 4 })
    expect(model.folder).toBe(placeOf(folder, COMMIT))
    expect(await filesIn(model.folder)).toEqual([...chosen, 'pairstream-model.json'].sort())
    expect(fetched().sort()).toEqual(chosen)
    for (const { path, bytes } of model.files) expect(await readFile(join(model.folder, path))).toHaveLength(bytes)
    const backbone = await openBackbone(model.folder)
    expect(backbone.featureWidth).toBe(600)
    await backbone.close()
    expect(await useOf(model.folder)).toBe(`BACKBONE_DIR=${model.folder} pairstream serve`)
  })

  it('fetches nothing again, and gives the same digest', async () => {
    const [{ url, fetched }, folder] = [await hubServer(tinyRepository()), await temporaryFolder()]
    const first = await pullFrom({ url, folder })
    const requests = fetched().length
    const second = await pullFrom({ url, folder, name: `${REPOSITORY}@${COMMIT}`, sha256: first.digest })
    expect(second).toMatchObject({ fetched: 0, folder: first.folder, digest: first.digest })
    expect(fetched()).toHaveLength(requests)
    expect(await filesIn(folder)).not.toContainEqual(expect.stringContaining('unfinished'))
  })

  it('adds another precision to the same folder', async () => {
    const [{ url, fetched }, folder] = [await hubServer(tinyRepository()), await temporaryFolder()]
    const first = await pullFrom({ url, folder })
    const second = await pullFrom({ url, folder, precision: 'int8' })
    expect(second).toMatchObject({ fetched: 1, precision: 'int8', folder: first.folder })
    expect(fetched().at(-1)).toBe('onnx/model_quantized.onnx')
    expect(second.files.map(({ path }) => path)).not.toContain('onnx/model.onnx')
    expect((await pullFrom({ url, folder })).digest).toBe(first.digest)
  })

  it('brings weights that lie beside their network', async () => {
    const { network, weights } = splitNetwork('model.onnx_data')
    const files = { ...tinyRepository(), 'onnx/model.onnx': network, 'onnx/model.onnx_data': weights }
    const [{ url }, folder] = [await hubServer(files), await temporaryFolder()]
    const model = await pullFrom({ url, folder })
    expect(model.files.map(({ path }) => path)).toContain('onnx/model.onnx_data')
    await (await openOnnxSession(join(model.folder, 'onnx/model.onnx'))).close()
    expect(await useOf(model.folder)).toBe(null)
  })

  it('waits for another one of the same model, and fetches nothing twice', async () => {
    const [{ url, fetched }, folder] = [await hubServer(tinyRepository()), await temporaryFolder()]
    const models = await Promise.all([pullFrom({ url, folder }), pullFrom({ url, folder })])
    expect(models.map((model) => model.fetched).sort()).toEqual([0, 4])
    expect(fetched().sort()).toEqual(chosen)
  })

  it('refuses other files than those that were pinned', async () => {
    const [{ url }, folder] = [await hubServer(tinyRepository()), await temporaryFolder()]
    const pull = pullFrom({ url, folder, sha256: 'a'.repeat(64) })
    await expect(pull).rejects.toMatchObject({
      code: 'model-corrupt',
      message: expect.stringContaining('aaaa') as string,
    })
    expect(await filesIn(placeOf(folder, COMMIT))).toEqual([])
  })

  it('refuses a hub that gives another commit than the one that was named', async () => {
    const other = 'b'.repeat(40)
    const [{ url }, folder] = [await hubServer(tinyRepository(), [other]), await temporaryFolder()]
    await expect(pullFrom({ url, folder, name: `${REPOSITORY}@${other}` })).rejects.toMatchObject({
      code: 'hub-refused',
    })
  })
})

describe('a model that was pulled', () => {
  const pulledModel = async () => {
    const [server, folder] = [await hubServer(tinyRepository(), ['main', 'refs/pr/1']), await temporaryFolder()]
    return {
      ...server,
      hubFolder: folder,
      model: await pullFrom({ url: server.url, folder, name: `${REPOSITORY}@refs/pr/1` }),
    }
  }
  const offline = (hubFolder: string, name: string, precision: 'int8' | null = null) =>
    openPulledModel(orderOf({ name, precision }), hubFolder, new AbortController().signal)

  it('is found offline by its branch and by its commit, and only so', async () => {
    const { hubFolder, model, requests } = await pulledModel()
    const count = requests.length
    for (const revision of ['refs/pr/1', COMMIT]) {
      const found = await offline(hubFolder, `${REPOSITORY}@${revision}`)
      expect(found).toMatchObject({ folder: model.folder, digest: model.digest, precision: 'fp32', fetched: 0 })
    }
    expect(requests).toHaveLength(count)
    await expect(offline(hubFolder, REPOSITORY)).rejects.toMatchObject({ code: 'model-not-found' })
    await expect(offline(hubFolder, 'owner/other')).rejects.toMatchObject({ code: 'model-not-found' })
    const inOther = offline(hubFolder, `${REPOSITORY}@${COMMIT}`, 'int8')
    await expect(inOther).rejects.toMatchObject({
      code: 'model-invalid',
      message: expect.stringContaining('fp32') as string,
    })
  })

  it.each([
    ['has other bytes', (path: string) => writeFile(path, 'other')],
    ['is missing', (path: string) => rm(path)],
    [
      'is a link',
      async (path: string) => {
        await rename(path, `${path}.elsewhere`)
        await symlink(`${path}.elsewhere`, path)
      },
    ],
  ])('is refused where a file of it %s', async (_, change) => {
    const { hubFolder, model, url } = await pulledModel()
    await change(join(model.folder, 'onnx/model.onnx'))
    const refusal = { code: 'model-corrupt', message: expect.stringContaining(`delete ${model.folder}`) as string }
    await expect(offline(hubFolder, `${REPOSITORY}@${COMMIT}`)).rejects.toMatchObject(refusal)
    await expect(pullFrom({ url, folder: hubFolder })).rejects.toMatchObject(refusal)
  })

  it.each([['nothing'], ['{"format":1}']])('is refused where its lock holds %s', async (text) => {
    const { hubFolder, model } = await pulledModel()
    await writeFile(join(model.folder, 'pairstream-model.json'), text)
    await expect(offline(hubFolder, `${REPOSITORY}@${COMMIT}`)).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})
