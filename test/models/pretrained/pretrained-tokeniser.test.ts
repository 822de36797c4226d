import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openPretrainedTokeniser } from '../../../src/models/pretrained/pretrained-tokeniser.ts'
import { tokenBatch } from '../../../src/models/pretrained/token-batch.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { bytePairs, unigram, wordPiece, writeTokeniser } from './tiny-tokenisers.ts'

const opened = async (json: object, maxLength?: number, settings: object = {}) => {
  const folder = await temporaryFolder()
  await writeTokeniser(folder, json, settings)
  return openPretrainedTokeniser(folder, maxLength)
}

type Expected = { readonly texts: readonly string[]; readonly input_ids: readonly (readonly number[])[] }

/** What a published tokeniser gives by the reference library; where none is at hand, what a small one of its kind gives. */
async function reference(name: string, json: object, instead: Expected): Promise<Expected & { folder: string }> {
  const folder = sharedPath('models', name)
  if (folder !== null)
    return { folder, ...(JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected) }
  const written = await temporaryFolder()
  await writeTokeniser(written, json)
  return { folder: written, ...instead }
}

/** All numbers below are those of `tokenizers` 0.23 for Python on the same files. */
describe('ids of published tokenisers', () => {
  it.each([
    ['all-MiniLM-L6-v2', wordPiece, { texts: ['a dog runs'], input_ids: [[2, 4, 5, 7, 8, 3]] }],
    ['clip-tiny-random', bytePairs, { texts: ['a dog runs'], input_ids: [[0, 61, 121, 124, 1]] }],
  ])('%s', async (name, json, instead) => {
    const { folder, texts, input_ids } = await reference(name, json, instead)
    const tokeniser = await openPretrainedTokeniser(folder)
    expect(texts.map((text) => tokeniser.encode(text).ids)).toEqual(input_ids)
  })
})

describe('ids of a word-piece tokeniser', () => {
  it.each([
    ['punctuation apart, words in pieces', 'the dog runs in the red cafe.', [10, 5, 7, 8, 11, 10, 12, 14, 17]],
    ['accents and case', 'Café CAFÉ', [14, 14]],
    ['ideographs one by one, also beyond the basic plane', '日本 dog😀😀 𠀀a', [15, 16, 1, 29, 4]],
    ['apostrophes', "don't  \t dog's", [21, 20, 22, 5, 20, 1]],
    ['numbers', '123 12 1', [23, 24, 25, 23, 24, 23]],
    ['a sigma at the end of a word', 'ΣΑΣ', [28]],
    ['nothing', '', []],
    ['white space', ' \n ', []],
    ['special tokens that somebody wrote', 'dog[SEP]cat', [5, 3, 6]],
    ['a word of more than 100 characters', 'x'.repeat(101), [1]],
    ['invisible characters', 'run\u200b\u00ad\u0000ning\ufeff dogs', [7, 9, 5, 8]],
    ['white space of other scripts', 'dog \u3000\u00a0cat', [5, 6]],
  ])('%s', async (_, text, ids) => {
    const tokeniser = await opened(wordPiece)
    expect(tokeniser.encode(text)).toEqual({ ids: [2, ...ids, 3], segments: Array(ids.length + 2).fill(0) })
  })
})

describe('ids of a byte-pair tokeniser', () => {
  it.each([
    ['words', 'a dog runs', [61, 121, 124]],
    ['apostrophes, case and accents', "Dog's café", [121, 125, 129]],
    ['accents written apart', 'CAFE\u0301 caf\u00e9', [129, 129]],
    ['numbers by digit', '12 3.', [88, 89, 90, 98]],
    ['emoji by byte', '😀 dog😀', [49, 50, 51, 111, 121, 49, 50, 51, 111]],
    ['entities and tags as they are', '&amp; <br/>', [101, 131, 102, 103, 3, 78, 46, 104]],
    ['white space of all kinds', '  a \t\n dog\u3000 ', [61, 121]],
    ['nothing', '', []],
    ['a byte order mark, which is no white space', 'dog\ufeffruns', [121, 53, 54, 114, 124]],
    ['runs of punctuation', 'dogs!!!', [120, 8, 79, 41, 41, 100]],
    ['bytes that the vocabulary lacks', 'ş', [1, 109]],
  ])('%s', async (_, text, ids) => {
    expect((await opened(bytePairs)).encode(text).ids).toEqual([0, ...ids, 1])
  })
})

describe('ids of a unigram tokeniser', () => {
  it.each([
    ['the likeliest pieces', 'a dog runs.', [4, 5, 27, 29]],
    ['characters by the map of the file', '\uff21 \ufb01 \u2461', [7, 23, 7, 24, 7, 22]],
    ['a space of the map', 'a\u3000dog', [4, 5]],
    ['a cluster of characters, of which the map knows the beginning', 'o\u0300 o\u0300\u0301', [7, 21, 7, 21]],
    ['characters that the map deletes', 'do\u00adg', [5]],
    ['unknown ones as one', 'xyz! 🦄🦄 a', [7, 3, 31, 7, 3, 4]],
    ['scripts without spaces', '日本 日x本', [7, 25, 26, 7, 25, 3, 26]],
    ['special tokens that somebody wrote', 'dogs</s>', [5, 20, 2]],
    ['a next-line character', 'a\u0085dog', [4, 5]],
    ['nothing', '', []],
  ])('%s', async (_, text, ids) => {
    expect((await opened(unigram)).encode(text).ids).toEqual([0, ...ids, 2])
  })
})

describe('a tokeniser of a model', () => {
  it('cuts a text and keeps the token that ends it, whatever length its file asks for', async () => {
    const text = 'a dog runs '.repeat(90)
    expect((await opened(wordPiece, 12)).encode(text).ids).toEqual([2, 4, 5, 7, 8, 4, 5, 7, 8, 4, 5, 3])
    expect((await opened(bytePairs, 12)).encode(text).ids).toEqual([0, 61, 121, 124, 61, 121, 124, 61, 121, 124, 61, 1])
    expect((await opened(unigram, 12)).encode(text).ids).toEqual([0, 4, 5, 27, 4, 5, 27, 4, 5, 27, 4, 2])
    expect((await opened(wordPiece, undefined, { model_max_length: 200 })).encode(text).ids).toHaveLength(200)
    expect((await opened(wordPiece, undefined, { model_max_length: 1e30 })).encode(text).ids).toHaveLength(362)
  })

  const pair = (first: readonly number[], second: readonly number[]) => ({
    ids: [2, ...first, 3, ...second, 3],
    segments: [...Array<number>(first.length + 2).fill(0), ...Array<number>(second.length + 1).fill(1)],
  })
  it.each([
    [12, 'the dog runs', 'a cat', pair([10, 5, 7, 8], [4, 6])],
    [12, 'a dog runs in the red cafe .', 'the cat run .', pair([4, 5, 7, 8, 11], [10, 6, 7, 17])],
    [12, 'a dog', 'the cat runs in the red cafe , a dog runs .', pair([4, 5], [10, 6, 7, 8, 11, 10, 12])],
    [11, 'a dog runs in the red', 'the cat runs in the blue cafe', pair([4, 5, 7, 8], [10, 6, 7, 8])],
    [12, 'a dog runs in the red', 'the cat runs in the blue cafe', pair([4, 5, 7, 8], [10, 6, 7, 8, 11])],
    [12, '', 'a cat', pair([], [4, 6])],
    [12, 'a cat', '', pair([4, 6], [])],
  ])('puts two texts into a row of at most %i, the longer one cut first: %s, %s', async (length, a, b, expected) => {
    expect((await opened(wordPiece, length)).encodePair(a, b)).toEqual(expected)
  })

  it('frames pairs as models without segments want them', async () => {
    expect((await opened(bytePairs)).encodePair('a dog', 'runs')).toEqual({
      ids: [0, 61, 121, 1, 1, 124, 1],
      segments: Array(7).fill(0),
    })
    expect((await opened(unigram)).encodePair('a dog', 'runs').ids).toEqual([0, 4, 5, 2, 2, 27, 2])
  })

  it('fills rows to the longest, or to the length that a graph has', async () => {
    const tokeniser = await opened(unigram, 512, { pad_token: { content: '<pad>' } })
    expect(tokeniser.paddingId).toBe(1)
    const encodings = ['a dog', 'a'].map((text) => tokeniser.encode(text))
    const { input_ids, attention_mask } = tokenBatch(encodings, tokeniser.paddingId)
    expect(input_ids).toEqual({ data: BigInt64Array.of(0n, 4n, 5n, 2n, 0n, 4n, 2n, 1n), shape: [2, 4] })
    expect(attention_mask.data).toEqual(BigInt64Array.of(1n, 1n, 1n, 1n, 1n, 1n, 1n, 0n))
    expect(tokenBatch(encodings, 1, 6).input_ids.shape).toEqual([2, 6])
  })

  it('knows its padding from the special tokens, else from its file', async () => {
    const folder = await temporaryFolder()
    await writeTokeniser(folder, unigram)
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify({ pad_token: '<pad>' }))
    expect((await openPretrainedTokeniser(folder)).paddingId).toBe(1)
    expect((await opened({ ...unigram, padding: { pad_id: 7 } })).paddingId).toBe(7)
  })

  it.each([
    ['no vocabulary', { ...wordPiece, model: { type: 'WordPiece' } }],
    ['a kind of model that is not known', { ...wordPiece, model: { type: 'Runes' } }],
    ['a kind of frame that is not known', { ...wordPiece, post_processor: { type: 'Gilded' } }],
    [
      'a frame of tokens that it does not define',
      {
        ...wordPiece,
        post_processor: { ...wordPiece.post_processor, special_tokens: {} },
      },
    ],
    ['fields of another type', { ...wordPiece, normalizer: 'lower' }],
  ])('is refused with %s', async (_, json) => {
    await expect(opened(json)).rejects.toMatchObject({ code: 'model-invalid' })
  })

  it('is refused where its file is missing or is not JSON', async () => {
    const folder = await temporaryFolder()
    await expect(openPretrainedTokeniser(folder)).rejects.toMatchObject({ code: 'model-invalid' })
    await writeFile(join(folder, 'tokenizer.json'), '{')
    await expect(openPretrainedTokeniser(folder)).rejects.toMatchObject({ code: 'model-invalid' })
  })
})
