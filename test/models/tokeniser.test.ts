import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildTokeniser, countWords, createTokeniser, UNKNOWN_ID, wordsOf } from '../../src/models/tokeniser.ts'

const captions = ['A dog runs.', 'A dog, a ball!', 'the DOG sleeps', 'Zwei Hunde']
const rule = { minimumCount: 1, maxSize: 100, maxLength: 5 }

describe('tokeniser', () => {
  it('splits on all that is neither letter, mark nor digit, and lowers the case', () => {
    expect(wordsOf("A tri-colored Dog's 2 CAFÉS … ¿no?")).toEqual([
      'a',
      'tri',
      'colored',
      'dog',
      's',
      '2',
      'cafés',
      'no',
    ])
    expect(wordsOf('cafe\u0301')).toEqual(['caf\u00e9'])
    expect(wordsOf('नमस्ते 你好')).toEqual(['नमस्ते', '你好'])
    expect(wordsOf('ΟΔΟΣ')).toEqual(['οδοσ'])
    expect(wordsOf(' … ')).toEqual([])
  })

  it('numbers words by falling frequency, ties in code-unit order', () => {
    const { model } = buildTokeniser(countWords(captions), rule)
    expect(Object.keys(model.vocab)).toEqual([
      '[PAD]',
      '[UNK]',
      'a',
      'dog',
      'ball',
      'hunde',
      'runs',
      'sleeps',
      'the',
      'zwei',
    ])
    expect(Object.values(model.vocab)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(JSON.stringify(buildTokeniser(countWords([...captions].reverse()), rule))).toBe(
      JSON.stringify(buildTokeniser(countWords(captions), rule)),
    )
  })

  it('keeps to the least count and the largest size', () => {
    expect(Object.keys(buildTokeniser(countWords(captions), { ...rule, minimumCount: 3 }).model.vocab)).toEqual([
      '[PAD]',
      '[UNK]',
      'a',
      'dog',
    ])
    expect(Object.keys(buildTokeniser(countWords(captions), { ...rule, maxSize: 5 }).model.vocab)).toEqual([
      '[PAD]',
      '[UNK]',
      'a',
      'dog',
      'ball',
    ])
  })

  it('numbers are words, and keep their place in the vocabulary', () => {
    const file = buildTokeniser(countWords(['7 dogs', '7 cats', '10 dogs']), rule)
    const tokeniser = createTokeniser(JSON.parse(JSON.stringify(file)))
    expect(tokeniser.encode('10 dogs 7')).toHaveLength(3)
    expect(new Set(tokeniser.encode('10 dogs 7 cats')).size).toBe(4)
    expect(tokeniser.size).toBe(6)
  })

  it('encodes known words, marks unknown ones, and cuts at the length', () => {
    const tokeniser = createTokeniser(JSON.parse(JSON.stringify(buildTokeniser(countWords(captions), rule))))
    expect(tokeniser.encode('The dog: a unicorn')).toEqual([8, 3, 2, UNKNOWN_ID])
    expect(tokeniser.encode('a a a a a a a')).toEqual([2, 2, 2, 2, 2])
    expect(tokeniser.encode('constructor __proto__ toString')).toEqual([UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID])
    expect(tokeniser).toMatchObject({ size: 10, maxLength: 5 })
  })

  it('encodes every caption it was built from without an unknown word', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (texts) => {
        const tokeniser = createTokeniser(
          JSON.parse(JSON.stringify(buildTokeniser(countWords(texts), { ...rule, maxSize: 10_000 }))),
        )
        for (const text of texts) expect(tokeniser.encode(text)).not.toContain(UNKNOWN_ID)
      }),
    )
  })

  it('refuses a file of another family', () => {
    for (const json of [null, {}, { model: { type: 'BPE' } }]) {
      expect(() => createTokeniser(json)).toThrow(expect.objectContaining({ code: 'model-invalid' }))
    }
  })
})
