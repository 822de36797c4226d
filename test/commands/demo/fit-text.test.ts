import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLines, fitText, textWidth } from '../../../src/commands/demo/fit-text.ts'

describe('fitText', () => {
  it('leaves what fits and ends what does not in an ellipsis', () => {
    expect(fitText('a dog', 200, 16)).toBe('a dog')
    expect(fitText('a black dog and a spotted dog', 120, 16)).toBe('a black dog…')
  })

  it('never takes more room than there is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 20, max: 400 }), (text, width) => {
        expect(textWidth(fitText(text, width, 16)) * 16).toBeLessThanOrEqual(width)
        expect(fitText(text, width, 16).isWellFormed()).toBe(text.isWellFormed())
      }),
    )
  })
})

describe('fitLines', () => {
  it('breaks between words and cuts the last line', () => {
    expect(fitLines('a large purple circle behind a small pink square', 160, 16, 2)).toEqual([
      'a large purple',
      'circle behind a s…',
    ])
    expect(fitLines('short', 160, 16, 3)).toEqual(['short'])
    expect(fitLines('  ', 160, 16, 2)).toEqual([])
  })

  it('keeps to the number of lines and to the width', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 4 }), (text, most) => {
        const lines = fitLines(text, 90, 16, most)
        expect(lines.length).toBeLessThanOrEqual(most)
        for (const line of lines) expect(textWidth(line) * 16).toBeLessThanOrEqual(90)
      }),
    )
  })
})
