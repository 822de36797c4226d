import { AppError } from '../core/errors.ts'
import { z } from 'zod'

/** Text to the ids of its words, in order, cut at `maxLength`; as Hugging Face's tokenizers read the same file. */
export type Tokeniser = {
  /** An unknown word is `UNKNOWN_ID`. Empty where the text has no letter or digit. */
  readonly encode: (text: string) => readonly number[]
  /** Words in the vocabulary, padding and unknown included. */
  readonly size: number
  readonly maxLength: number
}

export const PADDING_ID = 0
export const UNKNOWN_ID = 1
const PADDING = '[PAD]'
const UNKNOWN = '[UNK]'
/** What separates words: everything that is neither letter, mark nor digit. */
const SEPARATORS = '[^\\p{L}\\p{M}\\p{N}]+'

/** The part of `tokenizer.json` (the layout of Hugging Face's tokenizers) that a bag of words is read from. */
const fileSchema = z.object({
  truncation: z.looseObject({ max_length: z.number().int().positive() }),
  normalizer: z.object({
    type: z.literal('Sequence'),
    normalizers: z.array(z.object({ type: z.enum(['NFC', 'Lowercase']) })),
  }),
  pre_tokenizer: z.object({
    type: z.literal('Split'),
    pattern: z.object({ Regex: z.literal(SEPARATORS) }),
    behavior: z.literal('Removed'),
    invert: z.literal(false),
  }),
  model: z.object({
    type: z.literal('WordLevel'),
    vocab: z.record(z.string(), z.number().int().nonnegative()),
    unk_token: z.literal(UNKNOWN),
  }),
})

export type TokeniserFile = z.infer<typeof fileSchema> & Readonly<Record<string, unknown>>

/** The words of a text under the file's normaliser and splitting rule. */
export const wordsOf = (text: string): readonly string[] =>
  text
    .normalize('NFC')
    .replace(/./gsu, (character) => character.toLowerCase())
    .split(new RegExp(SEPARATORS, 'u'))
    .filter((word) => word !== '')

/** A tokeniser from the parsed content of `tokenizer.json`. Throws `model-invalid` where it is not of this family. */
export function createTokeniser(json: unknown): Tokeniser {
  const parsed = fileSchema.safeParse(json)
  if (!parsed.success) {
    throw new AppError(
      'model-invalid',
      'tokenizer.json does not describe the word-level tokeniser that this model family has.',
    )
  }
  const { truncation, model } = parsed.data
  const vocabulary = new Map(Object.entries(model.vocab))
  return {
    encode: (text) =>
      wordsOf(text)
        .slice(0, truncation.max_length)
        .map((word) => vocabulary.get(word) ?? UNKNOWN_ID),
    size: Math.max(...vocabulary.values()) + 1,
    maxLength: truncation.max_length,
  }
}

type VocabularyRule = {
  /** Words seen less often are unknown. */
  readonly minimumCount: number
  /** Entries at most, padding and unknown included; the most frequent stay. */
  readonly maxSize: number
  /** Words a text is cut at. */
  readonly maxLength: number
}

/** How often each word was seen. */
export type WordCounts = Map<string, number>

/** Adds the words of captions to `counts`, which it returns. */
export function countWords(captions: Iterable<string>, counts: WordCounts = new Map()): WordCounts {
  for (const caption of captions) for (const word of wordsOf(caption)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

/** The content of `tokenizer.json` for captions: words by falling frequency, ties in code-unit order, so that it is a function of the captions. */
export function buildTokeniser(counts: WordCounts, rule: VocabularyRule): TokeniserFile {
  const words = [...counts]
    .filter(([, count]) => count >= rule.minimumCount)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, rule.maxSize - 2)
    .map(([word]) => word)
  const special = [PADDING, UNKNOWN].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  return {
    version: '1.0',
    truncation: { direction: 'Right', max_length: rule.maxLength, strategy: 'LongestFirst', stride: 0 },
    padding: null,
    added_tokens: special,
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Split',
      pattern: { Regex: SEPARATORS },
      behavior: 'Removed',
      invert: false,
    },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries([PADDING, UNKNOWN, ...words].map((word, id) => [word, id])),
      unk_token: UNKNOWN,
    },
  }
}
