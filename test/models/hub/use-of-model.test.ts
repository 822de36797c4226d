import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useOf } from '../../../src/models/hub/use-of-model.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

/** A folder with files of no content but for its configuration. */
async function folderWith(config: object, files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder()
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true })
    await writeFile(join(folder, file), '')
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  return folder
}

describe('what a pulled model is used by', () => {
  it.each([
    ['a sentence encoder', ['modules.json', 'tokenizer.json', 'onnx/model.onnx'], 'SENTENCE_ENCODER_DIR'],
    ['one in 8 bits', ['modules.json', 'tokenizer.json', 'onnx/model_quantized.onnx'], 'SENTENCE_ENCODER_DIR'],
    ['a backbone', ['preprocessor_config.json', 'onnx/model.onnx'], 'BACKBONE_DIR'],
  ])('is a setting: %s', async (_, files, setting) => {
    const folder = await folderWith({ model_type: 'any' }, files)
    expect(await useOf(folder)).toBe(`${setting}=${folder} pairstream serve`)
  })

  it.each([
    ['a network of another kind', ['tokenizer.json', 'onnx/model.onnx']],
    ['a sentence encoder without its network', ['modules.json', 'tokenizer.json', 'model.safetensors']],
  ])('is nothing yet: %s', async (_, files) => {
    expect(await useOf(await folderWith({ model_type: 'any' }, files))).toBeNull()
  })

  it.each([
    [['onnx/vision_model.onnx', 'onnx/text_model_quantized.onnx'], true],
    [['onnx/model_fp16.onnx'], true],
    [['onnx/vision_model.onnx'], false],
  ])('is a setting for a CLIP with both halves: %s', async (networks, isWhole) => {
    const folder = await folderWith({ model_type: 'clip' }, ['tokenizer.json', 'preprocessor_config.json', ...networks])
    expect(await useOf(folder)).toBe(isWhole ? `CLIP_DIR=${folder} pairstream serve` : null)
  })

  it('is a setting for rerankers, published or trained here', async () => {
    const files = ['tokenizer.json', 'onnx/model.onnx']
    const published = await folderWith({ model_type: 'bert', architectures: ['BertForSequenceClassification'] }, files)
    const own = await folderWith({ model_type: 'pairstream-reranker' }, ['onnx/interaction.onnx'])
    for (const folder of [published, own]) expect(await useOf(folder)).toBe(`RERANKER_DIR=${folder} pairstream serve`)
  })

  it('is a command for a model that was trained here', async () => {
    const folder = await folderWith({ model_type: 'pairstream-dual-encoder' }, ['tokenizer.json'])
    expect(await useOf(folder)).toBe(`pairstream evaluate --model ${folder}`)
  })
})
