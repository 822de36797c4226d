import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_CAPTION_LENGTH, normaliseCaption } from '../../src/core/caption.ts'

const codeOf = (caption: string): string => {
  try {
    normaliseCaption(caption)
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('the normalised caption', () => {
  it('has one form of characters and of white space, and keeps case and punctuation', () => {
    expect(normaliseCaption('  A dog,\t\n running\u00a0\u2003on  grass. ')).toBe('A dog, running on grass.')
    expect(normaliseCaption('cafe\u0301')).toBe('café')
    expect(normaliseCaption('a\u0000b\u001bc\u0085d')).toBe('a b c d')
  })

  it('is the same normalised again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (caption) => {
        if (codeOf(caption) !== 'accepted') return
        const once = normaliseCaption(caption)
        expect(normaliseCaption(once)).toBe(once)
        expect(once).toBe(once.trim())
        expect(/[\p{Cc}]|\s\s/u.test(once)).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('names what is wrong with others', () => {
    for (const empty of ['', '   ', '\n\t', '\u0000', '\u2028']) expect(codeOf(empty)).toBe('caption-empty')
    expect(codeOf('a'.repeat(MAX_CAPTION_LENGTH))).toBe('accepted')
    expect(codeOf(` ${'a'.repeat(MAX_CAPTION_LENGTH)} `)).toBe('accepted')
    expect(codeOf('a'.repeat(MAX_CAPTION_LENGTH + 1))).toBe('caption-too-long')
    expect(codeOf('a'.repeat(100_000))).toBe('caption-too-long')
    expect(codeOf('a\ud800b')).toBe('text-not-utf8')
    expect(codeOf('a\ufffdb')).toBe('text-not-utf8')
  })
})
