import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { listModelFiles } from '../../src/models/model-folder.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { COMMIT, hubServer } from '../models/hub/hub-server.ts'
import { writeTinyClip } from '../models/pretrained/tiny-clip.ts'
import { captionedFolder } from './picture-folder.ts'
import { runHere } from './run-here.ts'

const HUB_NAME = 'Xenova/clip-vit-base-patch32'

/** A hub with a CLIP in two precisions, under the name that open_clip's own stands for. */
async function hubWithClip(): Promise<string> {
  const folder = await writeTinyClip()
  const files: Record<string, Buffer> = {}
  for (const path of await listModelFiles(folder)) {
    files[path] = await readFile(join(folder, path))
    if (path.endsWith('.onnx')) files[path.replace('.onnx', '_quantized.onnx')] = files[path]
  }
  return (await hubServer(files, ['main'], HUB_NAME)).url
}

it('a CLIP is pulled by its name in open_clip, measured as it is, and made a model at once', async () => {
  const root = await temporaryFolder()
  const [pictures, data] = [join(root, 'pictures'), join(root, 'data')]
  await captionedFolder(pictures, 24)
  const environment = { DATA_DIR: data, HF_ENDPOINT: await hubWithClip(), THREADS: '1' }
  const run = async (words: readonly string[], settings: Readonly<Record<string, string>> = {}) => {
    const { status, stdout, stderr } = await runHere(words, { ...environment, ...settings })
    expect(stderr).not.toMatch(/\[[a-z-]+\]$/m)
    expect(status, stderr).toBe(0)
    return stdout
  }

  const folder = join(data, 'hub', ...HUB_NAME.split('/'), COMMIT)
  const pull = (...precision: string[]) => run(['models', 'pull', 'ViT-B-32/openai', ...precision])
  expect(await pull()).toContain(`use it   CLIP_DIR=${folder} pairstream serve`)
  await pull('--precision', 'int8')

  const measured = await run(['evaluate', '--model', folder, '--dataset', pictures, '--split', 'all', '--json'])
  expect(JSON.parse(measured)).toMatchObject({ model: expect.stringMatching(/^clip-[0-9a-f]{16}$/) as string })

  const onClip = { CLIP_DIR: folder, CLIP_ADAPTER_WIDTH: '0', CLIP_PRECISION: 'int8' }
  await run(['publish', pictures], onClip)
  await run(['train', '--wait'], onClip)
  const [model] = JSON.parse(await run(['models', 'list', '--json'])) as [{ modelVersion: string }]
  const exported = join(root, 'exported')
  await run(['models', 'export', model.modelVersion, exported])
  expect(await listModelFiles(join(exported, 'clip'))).toContain('onnx/vision_model_quantized.onnx')
  await run(['evaluate', '--model', exported, '--dataset', pictures, '--split', 'all'])
}, 120_000)
