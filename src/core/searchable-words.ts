/** Han characters stand alone: no blanks show where words of Chinese and Japanese end. Every other word is a run of letters, marks and digits. */
const WORD =
  /\p{Script=Han}|\p{Script=Hiragana}+|(?![\p{Script=Han}\p{Script=Hiragana}])[\p{L}\p{N}](?:(?![\p{Script=Han}\p{Script=Hiragana}])[\p{L}\p{M}\p{N}])*/gu

/** Accents of Latin, Greek and Cyrillic letters; the marks of other scripts are vowels and stay. */
const ACCENTS = /[\u0300-\u036F]/g

/**
 * The words of a text as search by words compares them, in order: without case, accents and punctuation. `Straße` and `STRASSE` are one
 * word. Every index of words is given these instead of the text, so that all of them agree on what a word is.
 */
export function searchableWords(text: string): readonly string[] {
  const folded = text.normalize('NFKD').replace(ACCENTS, '').toUpperCase().toLowerCase().normalize('NFC')
  return folded.match(WORD) ?? []
}
