import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { imageIdOf } from '../../src/core/ids.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { createFeatureCache } from '../../src/models/feature-cache.ts'
import { assembleModelFolder, checkModelFolder, listModelFiles } from '../../src/models/model-folder.ts'
import { createModelStore } from '../../src/models/model-store.ts'
import { openOnnxSession } from '../../src/models/onnx-session.ts'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { createTokeniser } from '../../src/models/tokeniser.ts'
import { photographs } from '../fixtures/photographs.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from './pretrained/tiny-sentence-encoder.ts'
import { writeSentenceModel } from './sentence-model.ts'
import { TINY_CAPTIONS } from './tiny-model.ts'

const pairIdOf = (number: number): string => imageIdOf(Buffer.from(`pair ${number}`))

async function openCache() {
  const root = await temporaryFolder()
  const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
  const features = createFeatureCache({ blobs, folder: join(root, 'features') })
  onTestFinished(() => features.close())
  return features
}

async function openModel(...about: Parameters<typeof openDualEncoder>) {
  const encoder = await openDualEncoder(...about)
  onTestFinished(() => encoder.close())
  return encoder
}

/** What the very files of a model give for a text alone. */
async function byHand(folder: string, text: string): Promise<Float32Array> {
  const sentences = await openSentenceEncoder(join(folder, 'sentence'))
  const session = await openOnnxSession(join(folder, 'onnx/text_model.onnx'))
  const tokeniser = createTokeniser(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')))
  const [sentence = new Float32Array()] = await sentences.encode([text])
  const ids = tokeniser.encode(text)
  const at = (values: readonly number[]) => ({
    data: BigInt64Array.from({ length: 8 }, (_, i) => BigInt(values[i] ?? 0)),
    shape: [1, 8],
  })
  const words = { input_ids: at(ids), attention_mask: at(ids.map(() => 1)) }
  const hasWords = session.inputs.some(({ name }) => name === 'input_ids')
  const feeds = {
    ...(hasWords ? words : {}),
    sentence_embeds: { data: sentence, shape: [1, sentence.length] },
  }
  const { text_embeds } = await session.run(feeds, ['text_embeds'])
  await Promise.all([session.close(), sentences.close()])
  return text_embeds.data
}

describe('a dual encoder on a sentence encoder', { timeout: 60_000 }, () => {
  it.each(['bag', 'gru', 'none'] as const)('gives what its files give, beside a word tower: %s', async (kind) => {
    const { folder } = await writeSentenceModel(kind)
    const encoder = await openModel(folder)
    const texts = [...TINY_CAPTIONS, 'something else', '']
    const vectors = await encoder.encodeTexts(texts)
    for (const [i, text] of texts.entries()) {
      const expected = await byHand(folder, text)
      vectors[i]?.forEach((value, at) => expect(value).toBeCloseTo(expected[at] ?? NaN, 5))
    }
    const pictures = (await photographs(2)).map((bytes) => ({ imageId: null, bytes: async () => bytes }))
    expect(await encoder.encodeImages(pictures)).toHaveLength(2)
  })

  it('reads a caption of a pair once, and takes what is known of it from the cache', async () => {
    const { folder, sentenceFolder } = await writeSentenceModel('none')
    const features = await openCache()
    const encoder = await openModel(folder, { features })
    const [first = '', second = ''] = TINY_CAPTIONS
    const plain = await encoder.encodeTexts([first, second])
    const pairIds = [pairIdOf(1), pairIdOf(2)]
    expect(await encoder.encodeTexts([first, second], { pairIds })).toEqual(plain)
    const sentences = await openSentenceEncoder(sentenceFolder)
    const kept = await features.get(sentences.id, 'caption', pairIds)
    expect([...kept.values()]).toEqual(await sentences.encode([first, second]))

    const [strange = new Float32Array()] = await sentences.encode([second])
    await features.put(sentences.id, 'caption', [[pairIdOf(3), strange]])
    expect(await encoder.encodeTexts([first], { pairIds: [pairIdOf(3)] })).toEqual([plain[1]])
    // What is asked for by a person is no pair's.
    expect(await encoder.encodeTexts([first])).toEqual([plain[0]])
    await sentences.close()
  })

  it('stops between two captions', async () => {
    const { folder } = await writeSentenceModel('none')
    const encoder = await openModel(folder, { features: await openCache() })
    const signal = AbortSignal.abort()
    const stopped = encoder.encodeTexts(['a'], { pairIds: [pairIdOf(1)], signal })
    await expect(stopped).rejects.toMatchObject({ code: 'not-ready' })
  })
})

describe('the folder of a model on a sentence encoder', { timeout: 60_000 }, () => {
  it('has of the encoder what is needed and nothing else, and goes through the store as a whole', async () => {
    const { folder, sentenceFolder } = await writeSentenceModel('bag')
    const files = await listModelFiles(folder)
    expect(files.filter((file) => file.startsWith('sentence/'))).toEqual(
      [
        '1_Pooling/config.json', 'config.json', 'modules.json', 'onnx/model.onnx', 'sentence_bert_config.json',
        'tokenizer.json', 'tokenizer_config.json',
      ].map((file) => `sentence/${file}`),
    ) // prettier-ignore
    const [published, copied] = [await openSentenceEncoder(sentenceFolder), await openSentenceEncoder(join(folder, 'sentence'))] // prettier-ignore
    expect(copied.id).toBe(published.id)
    await Promise.all([published.close(), copied.close()])

    const root = await temporaryFolder()
    const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
    const store = createModelStore({ blobs, folder: join(root, 'models') })
    const manifest = await store.save(folder, { modelVersion: 'm-tiny' })
    expect((await store.manifest(manifest)).files.map(({ path }) => path)).toEqual(files)
    const [here, there] = [await openModel(folder), await openModel(await store.open(manifest))]
    expect(await there.encodeTexts(TINY_CAPTIONS)).toEqual(await here.encodeTexts(TINY_CAPTIONS))
  })

  it('is refused without the encoder, or with another one', async () => {
    const { folder, backboneFolder } = await writeSentenceModel('bag')
    const refusal = (words: string) => ({ code: 'model-invalid', message: expect.stringContaining(words) as string })
    await rm(join(folder, 'sentence', 'onnx'), { recursive: true })
    await expect(checkModelFolder(folder)).rejects.toMatchObject(refusal('onnx/model.onnx'))
    await rm(join(folder, 'sentence'), { recursive: true })
    await expect(checkModelFolder(folder)).rejects.toMatchObject(refusal('sentence/tokenizer.json'))
    await expect(openDualEncoder(folder)).rejects.toMatchObject(refusal('sentence/tokenizer.json'))
    await assembleModelFolder(folder, backboneFolder, await writeTinySentenceEncoder(['a', 'b']))
    const config = await readFile(join(folder, 'config.json'), 'utf8')
    await writeFile(join(folder, 'config.json'), config.replace('"sentence_width":48', '"sentence_width":47'))
    await expect(openDualEncoder(folder)).rejects.toMatchObject(refusal('sentences of 47 numbers'))
  })

  it('takes no file from outside the folder of an encoder', async () => {
    const { folder, backboneFolder, sentenceFolder } = await writeSentenceModel('bag')
    const modules = [{ idx: 1, name: '1', path: '../1_Pooling', type: 'sentence_transformers.models.Normalize' }]
    await writeFile(join(sentenceFolder, 'modules.json'), JSON.stringify(modules))
    const assembling = assembleModelFolder(folder, backboneFolder, sentenceFolder)
    await expect(assembling).rejects.toMatchObject({ code: 'model-unsafe' })
  })
})
