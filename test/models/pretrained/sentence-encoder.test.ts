import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { dot, normalise } from '../../../src/core/vector.ts'
import { createGraph } from '../../../src/models/onnx/graph.ts'
import {
  openSentenceEncoder,
  type SentenceEncoder,
  type SentenceEncoderOptions,
} from '../../../src/models/pretrained/sentence-encoder.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { countTurns } from '../../fixtures/turns.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { tinyTextModel, writeFiles } from './tiny-text-model.ts'
import { bytePairs, wordPiece, writeTokeniser } from './tiny-tokenisers.ts'

const opened: SentenceEncoder[] = []
afterEach(() => Promise.all(opened.splice(0).map((encoder) => encoder.close())))

async function open(folder: string, options?: SentenceEncoderOptions): Promise<SentenceEncoder> {
  const encoder = await openSentenceEncoder(folder, options)
  opened.push(encoder)
  return encoder
}

const MODULES = [
  { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
  { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
  { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
]
const pooledBy = (mode: string) => ({ word_embedding_dimension: 2, [`pooling_mode_${mode}`]: true })

/** A folder as sentence-transformers lays it out, other files in place of its own. */
async function folderWith(files: Readonly<Record<string, object>> = {}): Promise<string> {
  const folder = await temporaryFolder()
  await writeTokeniser(folder, wordPiece)
  await writeFiles(folder, {
    'modules.json': MODULES,
    '1_Pooling/config.json': pooledBy('mean_tokens'),
    'sentence_bert_config.json': { max_seq_length: 8 },
    'onnx/model.onnx': tinyTextModel(),
    ...files,
  })
  return folder
}

/** What the tiny model gives for a text of these ids, special ones included. */
const meanOf = (ids: readonly number[]): Float32Array => {
  const mean = ids.reduce((sum, id, position) => sum + id + position / 8, 0) / ids.length
  return normalise(Float32Array.of(mean, mean + 100))
}
const expectClose = (vector: Float32Array | undefined, expected: Float32Array): void => {
  expect(vector).toHaveLength(expected.length)
  expect(dot(vector ?? expected, expected)).toBeCloseTo(1, 6)
}

function pictureModel(): Uint8Array {
  const graph = createGraph('picture')
  const pixels = graph.input('pixel_values', 'float32', ['batch', 3, 4])
  graph.output('last_hidden_state', graph.node('Identity', [pixels]), 'float32', ['batch', 3, 4])
  return graph.encode()
}

type Reference = {
  readonly folder: string
  readonly texts: readonly string[]
  readonly embedding_fp32: readonly (readonly number[])[]
  readonly cosine_fp32_to_quantized: readonly number[]
}

/** MiniLM with the vectors of PyTorch; where it is not at hand, the tiny model. */
async function reference(): Promise<Reference> {
  const folder = sharedPath('models', 'all-MiniLM-L6-v2')
  if (folder !== null) {
    const text = await readFile(join(folder, 'expected.json'), 'utf8')
    return { folder, ...(JSON.parse(text) as Omit<Reference, 'folder'>) }
  }
  return {
    folder: await folderWith(),
    texts: ['a dog', 'a red cat'],
    embedding_fp32: [[...meanOf([2, 4, 5, 3])], [...meanOf([2, 4, 12, 6, 3])]],
    cosine_fp32_to_quantized: [1, 1],
  }
}

describe('sentence encoder', () => {
  it('gives the vectors that the reference libraries give', async () => {
    const { folder, texts, embedding_fp32, cosine_fp32_to_quantized } = await reference()
    // The reference gave all texts to the 8-bit network at once.
    const vectors = await (await open(folder, { joinQuantised: true })).encode(texts)
    for (const [index, vector] of vectors.entries()) {
      const cosine = dot(vector, Float32Array.from(embedding_fp32[index] ?? []))
      expect(Math.abs(cosine - (cosine_fp32_to_quantized[index] ?? 0))).toBeLessThan(1e-4)
    }
    const alone = await (await open(folder)).encode(texts)
    for (const [index, vector] of alone.entries()) {
      expect(dot(vector, Float32Array.from(embedding_fp32[index] ?? []))).toBeGreaterThan(0.99)
    }
  })

  it('gives the same on a thread of its own, which leaves this one free', async () => {
    const { folder, texts } = await reference()
    const [here, there] = [await open(folder), await open(folder, { onThread: true })]
    expect([there.id, there.width]).toEqual([here.id, here.width])
    expect(await there.encode(texts)).toEqual(await here.encode(texts))
    const turns = countTurns()
    await there.encode(Array.from({ length: 8 }, () => texts).flat())
    expect(turns()).toBeGreaterThan(10 * 8 * texts.length)
  })

  it('gives each text the same vector, whatever it is encoded with', async () => {
    const { folder } = await reference()
    const texts = ['a dog runs in the red cafe', 'a dog', '', 'the cat', 'a dog runs, a cat runs, a red dog runs!']
    const encoder = await open(folder)
    const together = await encoder.encode(texts)
    const calls = await Promise.all(texts.map((text) => encoder.encode([text])))
    expect(together).toHaveLength(texts.length)
    for (const [index, [alone]] of calls.entries()) expectClose(together[index], alone ?? new Float32Array())
    expect(await encoder.encode([])).toEqual([])
  })

  it.each([
    ['mean', { ...pooledBy('mean_tokens'), pooling_mode_cls_token: false }, meanOf([2, 4, 5, 3])],
    ['cls', pooledBy('cls_token'), normalise(Float32Array.of(2, 102))],
    ['max', pooledBy('max_tokens'), normalise(Float32Array.of(5.25, 105.25))],
    ['max, as newer files say it', { pooling_mode: 'max' }, normalise(Float32Array.of(5.25, 105.25))],
  ])('pools by %s', async (_, pooling, expected) => {
    const encoder = await open(await folderWith({ '1_Pooling/config.json': pooling }))
    const [vector] = await encoder.encode(['a dog', 'a dog runs in the cafe'])
    expectClose(vector, expected)
  })

  it('gives the state of each id', async () => {
    const encoder = await open(await folderWith())
    const [first, second] = await encoder.states(['a dog', 'dog'])
    expect(first).toEqual({ ids: [2, 4, 5, 3], states: Float32Array.of(2, 102, 4.125, 104.125, 5.25, 105.25, 3.375, 103.375) }) // prettier-ignore
    expect(second).toEqual({ ids: [2, 5, 3], states: Float32Array.of(2, 102, 5.125, 105.125, 3.25, 103.25) })
    const [vector] = await encoder.encode(['a dog'])
    expect(encoder.vectorOf(first?.states ?? new Float32Array())).toEqual(vector)
  })

  it('takes graphs with and without segments, of a fixed size, or that pool by themselves', async () => {
    for (const about of [
      { segments: true },
      { batch: 1, length: 8 },
      { output: 'token_embeddings' },
      { output: 'sentence_embedding', pooled: true },
      { output: 'something', width: 2 },
    ]) {
      const encoder = await open(await folderWith({ 'onnx/model.onnx': tinyTextModel(about) }))
      expect(encoder.width).toBe(2)
      const vectors = await encoder.encode(['the red cat', 'a dog'])
      expectClose(vectors[0], meanOf([2, 10, 12, 6, 3]))
      expectClose(vectors[1], meanOf([2, 4, 5, 3]))
      if (about.pooled === true) await expect(encoder.states(['a'])).rejects.toMatchObject({ code: 'model-invalid' })
    }
  })

  it('cuts texts at the length of its settings, or that of its network', async () => {
    const text = 'a dog runs a dog runs a dog runs'
    const bySettings = await open(await folderWith())
    expect((await bySettings.states([text]))[0]?.ids).toHaveLength(8)
    const files = { 'sentence_bert_config.json': {}, 'config.json': { model_type: 'roberta', max_position_embeddings: 9 } } // prettier-ignore
    const byNetwork = await open(await folderWith(files))
    expect((await byNetwork.states([text]))[0]?.ids).toHaveLength(7)
  })

  it('writes texts small where its settings say so', async () => {
    const cased = { ...wordPiece, normalizer: { ...wordPiece.normalizer, lowercase: false } }
    const small = await open(
      await folderWith({ 'tokenizer.json': cased, 'sentence_bert_config.json': { do_lower_case: true } }),
    )
    expect((await small.states(['A DOG']))[0]?.ids).toEqual([2, 4, 5, 3])
    const asIs = await open(await folderWith({ 'tokenizer.json': cased }))
    expect((await asIs.states(['A DOG']))[0]?.ids).toEqual([2, 1, 1, 3])
  })

  it('pools a plain transformer by its mean', async () => {
    const folder = await folderWith()
    for (const name of ['modules.json', '1_Pooling', 'sentence_bert_config.json']) await rm(join(folder, name), { recursive: true }) // prettier-ignore
    expectClose((await (await open(folder)).encode(['a dog']))[0], meanOf([2, 4, 5, 3]))
  })

  it('chooses a file by its precision, else the fullest', async () => {
    const files = { 'onnx/model_fp16.onnx': tinyTextModel({ width: 3 }), 'onnx/model_int8.onnx': tinyTextModel({ width: 4 }) } // prettier-ignore
    const folder = await folderWith(files)
    expect((await open(folder)).width).toBe(2)
    expect((await open(folder, { precision: 'fp16' })).width).toBe(3)
    expect((await open(folder, { precision: 'int8' })).width).toBe(4)
    await rm(join(folder, 'onnx/model.onnx'))
    expect((await open(folder)).width).toBe(4)
    await rm(join(folder, 'onnx/model_int8.onnx'))
    await expect(open(folder, { precision: 'int8' })).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it('gives texts one by one to a network that chooses its scales as it runs', async () => {
    const folder = await folderWith({ 'onnx/model.onnx': tinyTextModel({ quantised: true }) })
    const texts = ['a dog', "don't 123"]
    const encoder = await open(folder)
    const together = await encoder.states(texts)
    expect(together).toEqual([...(await encoder.states([texts[0] ?? ''])), ...(await encoder.states([texts[1] ?? '']))])
    const joined = await (await open(folder, { joinQuantised: true })).states(texts)
    expect(joined).not.toEqual(together)
  })

  it('has an id that changes with what its vectors depend on, and with nothing else', async () => {
    const idOf = async (files: Readonly<Record<string, object>>) => (await open(await folderWith(files))).id
    const own = await idOf({})
    expect(own).toMatch(/^[0-9a-f]{16}$/)
    expect(await idOf({ 'README.md': ['anything'] })).toBe(own)
    const others = await Promise.all([
      idOf({ 'onnx/model.onnx': tinyTextModel({ factor: 2 }) }),
      idOf({ '1_Pooling/config.json': pooledBy('max_tokens') }),
      idOf({ 'sentence_bert_config.json': { max_seq_length: 6 } }),
      idOf({ 'tokenizer.json': bytePairs }),
    ])
    expect(new Set([own, ...others]).size).toBe(5)
  })

  const dense = { idx: 2, name: '2', path: '2_Dense', type: 'sentence_transformers.models.Dense' }
  it.each([
    ['a layer behind the pooling', { 'modules.json': [...MODULES, dense] }, 'Dense'],
    ['two poolings', { '1_Pooling/config.json': { ...pooledBy('mean_tokens'), ...pooledBy('max_tokens') } }, 'pooled by'], // prettier-ignore
    ['a pooling that is not known', { '1_Pooling/config.json': pooledBy('lasttoken') }, 'lasttoken'],
    ['settings of another type', { 'sentence_bert_config.json': { max_seq_length: 'long' } }, 'max_seq_length'],
    ['a network of something else', { 'onnx/model.onnx': pictureModel() }, 'pixel_values'],
  ])('refuses %s', async (_, files, words) => {
    const refusal = { code: 'model-invalid', message: expect.stringContaining(words) as string }
    await expect(open(await folderWith(files))).rejects.toMatchObject(refusal)
  })

  it('refuses a network that is damaged or gives no numbers', async () => {
    const damaged = await folderWith({ 'onnx/model.onnx': tinyTextModel().subarray(0, 80) })
    await expect(open(damaged)).rejects.toMatchObject({ code: 'model-corrupt' })
    const endless = await open(await folderWith({ 'onnx/model.onnx': tinyTextModel({ factor: Infinity }) }))
    await expect(endless.encode(['a'])).rejects.toMatchObject({ code: 'model-corrupt' })
  })
})
