import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { searchableWords } from '../../src/core/searchable-words.ts'

describe('the words of a text', () => {
  it.each([
    ['A dog’s ball, 42 "red"-ish…', ['a', 'dog', 's', 'ball', '42', 'red', 'ish']],
    ['Café CAFÉ cafe\u0301 ﬁne', ['cafe', 'cafe', 'cafe', 'fine']],
    ['Straße STRASSE', ['strasse', 'strasse']],
    ['İstanbul Ёлка Ελλάδα', ['istanbul', 'елка', 'ελλαδα']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['雪の中でテニス', ['雪', 'の', '中', 'で', 'テニス']],
    ['ﾃﾆｽ 한국어', ['テニス', '한국어']],
    ['!? … \u0301', []],
  ])('of %j are %j', (text, words) => {
    expect(searchableWords(text)).toEqual(words.map((word) => word.normalize('NFC')))
  })

  it('are the same taken from themselves, and in capitals', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const words = searchableWords(text)
        expect(searchableWords(words.join(' '))).toEqual(words)
      }),
      { numRuns: 2_000 },
    )
    for (const text of ['Zwei Hunde', 'Öl auf Maß', 'Ёжик в тумане', 'Ὀδυσσεύς'])
      expect(searchableWords(text.toUpperCase())).toEqual(searchableWords(text))
  })
})
