import { readCharsmap } from './charsmap.ts'
import type { PreTokeniser, TokeniserJson } from './tokeniser-json.ts'

type Prepared = {
  /** What is done to a text before the library sees it. */
  readonly prepare: (text: string) => string
  /** The file without what `prepare` does already. */
  readonly json: TokeniserJson
}

/** Ideographs outside the basic plane, which BERT sets apart like all others (bert/tokenization.py, `_is_chinese_char`). */
const FAR_IDEOGRAPHS = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu

/**
 * Closes the gaps between the library for JavaScript and the reference in Rust, which the models were trained with. Each was found by
 * comparing the ids of a thousand texts; the tests hold an example of each.
 */
export function prepareFor(json: TokeniserJson): Prepared {
  const steps = normalisersOf(json.normalizer)
  const types = new Set(steps.map(({ type }) => type))
  const repairs: ((text: string) => string)[] = []
  let remaining = { ...json, pre_tokenizer: withUnicodeSpaces(json.pre_tokenizer) }

  // JavaScript writes a sigma at the end of a word as ς; the reference looks at one character at a time.
  const lowers = steps.some(({ type, lowercase }) => type === 'Lowercase' || (type === 'BertNormalizer' && lowercase))
  if (lowers) repairs.push((text) => text.replaceAll('Σ', 'σ'))
  if (types.has('BertNormalizer')) repairs.push((text) => text.replace(FAR_IDEOGRAPHS, ' $& '))

  // The library has a fixed approximation for the maps of SentencePiece, whatever the file says.
  const [first, ...others] = steps
  if (first?.type === 'Precompiled' && typeof first.precompiled_charsmap === 'string') {
    // The maps leave U+0085 alone, which is white space to the reference and not to JavaScript.
    repairs.push(readCharsmap(first.precompiled_charsmap), (text) => text.replaceAll('\u0085', ' '))
    const normalizer = others.length === 0 ? null : { type: 'Sequence', normalizers: others }
    remaining = { ...remaining, normalizer }
  }
  return { prepare: (text) => repairs.reduce((repaired, repair) => repair(repaired), text), json: remaining }
}

type Normaliser = NonNullable<TokeniserJson['normalizer']>

const normalisersOf = (normaliser: Normaliser | null): readonly Normaliser[] => {
  if (normaliser === null) return []
  return normaliser.type === 'Sequence' ? (normaliser.normalizers ?? []) : [normaliser]
}

/** How GPT-2 splits a text before its bytes are looked at (gpt-2/src/encoder.py). */
const BYTE_LEVEL_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * The library's byte-level splitting takes a byte order mark for white space; its splitting by a pattern from the file does not. So the
 * pattern is written into the file.
 */
function withUnicodeSpaces(splitting: PreTokeniser | null): PreTokeniser | null {
  if (splitting?.type === 'Sequence') {
    const parts = (splitting.pretokenizers ?? []).map((part) => withUnicodeSpaces(part) ?? part)
    return { ...splitting, pretokenizers: parts }
  }
  if (splitting?.type !== 'ByteLevel' || splitting.use_regex === false || splitting.add_prefix_space === true) {
    return splitting
  }
  const split = { type: 'Split', pattern: { Regex: BYTE_LEVEL_PATTERN }, behavior: 'Isolated', invert: false }
  return { type: 'Sequence', pretokenizers: [split, { ...splitting, use_regex: false }] }
}
