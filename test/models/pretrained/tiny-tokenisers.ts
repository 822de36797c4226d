import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'

/** Small files of the three kinds that published models have, with the parts that theirs have. */

const special = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})
const vocabularyOf = (tokens: readonly string[]): Record<string, number> =>
  Object.fromEntries(tokens.map((token, id) => [token, id]))
const marker = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } })
const text = (id: 'A' | 'B', type_id = 0) => ({ Sequence: { id, type_id } })

const WORDS =
  "[PAD] [UNK] [CLS] [SEP] a dog cat run ##s ##ning the in red blue cafe 日 本 . , ! ' don t 1 ##2 ##3 re ##d σασ 𠀀 😀"

/** As BERT's; like the published file of MiniLM it asks for rows of 128, which nobody heeds. */
export const wordPiece = {
  version: '1.0',
  truncation: { max_length: 128, strategy: 'LongestFirst', stride: 0 },
  padding: {
    strategy: { Fixed: 128 },
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '[PAD]',
  },
  added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map(special),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [marker('[CLS]'), text('A'), marker('[SEP]')],
    pair: [marker('[CLS]'), text('A'), marker('[SEP]'), text('B', 1), marker('[SEP]', 1)],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: vocabularyOf(WORDS.split(' ')),
  },
}

const BYTES = Array.from("abcdefghijklmnopqrstuvwxyz0123456789'.,!&;<>/Ã©ðŁĺĢï»¿Âłâıā")
const MERGES = [
  'd o',
  'do g</w>',
  'r u',
  'n s</w>',
  'ru ns</w>',
  "' s</w>",
  'Ã ©</w>',
  'c a',
  'f Ã©</w>',
  'ca fÃ©</w>',
  'a m',
  'am p</w>',
]

/** As CLIP's. */
export const bytePairs = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
        behavior: 'Removed',
        invert: true,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['<|endoftext|>', 1],
    cls: ['<|startoftext|>', 0],
    trim_offsets: false,
    add_prefix_space: false,
  },
  decoder: null,
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: '<|endoftext|>',
    continuing_subword_prefix: '',
    end_of_word_suffix: '</w>',
    fuse_unk: false,
    byte_fallback: false,
    vocab: vocabularyOf([
      '<|startoftext|>',
      '<|endoftext|>',
      ...BYTES,
      ...BYTES.map((byte) => `${byte}</w>`),
      ...MERGES.map((merge) => merge.replace(' ', '')),
    ]),
    merges: MERGES,
  },
}

/** Written by SentencePiece for six rules: Ａ to A, ﬁ to fi, ② to 2, the ideographic space to a space, o with a grave to ò, no soft hyphen. */
const CHARSMAP = [
  'eNot0wmQD1QYAPBnl8mYacZQOXMr97HK1RKJQm6S+4hFznJVqD/lnol15D62A9XGopCbdVtH7pusoxAqRznK7296837zffPevG/evCNkDCGsyh',
  'D6xseGtIwxIfJsCFlCiHz/ZIi2SOKqmJCUKYRYeeT/+Qzy5MwxYbjxJ+TReT2S3YJsPM1T5OAZcpGTPORGibA2JSbkF/NRkAIUphBFKcLzPEdx',
  'ilGSEpSmFGUpQ3nKUYE4XuQFKlGRKlTmJapSjXhepjo1qUEtXqE2r/IadajL69SnHg14g0Y0pAmNaUZTWtCclrxJK96iDa1pR1s60J5OdORtOt',
  'OVLnQjgR50pyfv0Jte9KUP79KP/rzHQAYwmEF8wPsM4UOGMZSP+Yjh3IiE8Ik4gpF8ymhGMZYxjGcc520mPW8IE+SfkchEJjOJqUxhGp8zg+nM',
  'YiZzmM085pLEfL7kC77mKxaygG9YxHd8y+asISSLS1jMUlJYzjJ+5AdWsoKfok+cNaxmXfT9sYH1bGIjqdHabGUL29nGTnawm13sIY197OVn9n',
  'OQAxzmEEc5wnGOcZITnOYUZznDL5wjPXq2XOQCl7nEb/zKVa7wO9eid8Z1/uAmf/Ent7nFXe7wD39zn3s85AH/8W94/PnifIKEHiF1WXgEpnWQ',
  '+Q==',
].join('')

const PIECES = '▁a ▁dog ▁d ▁ a b c d e f g i o r u n s ò 2 A fi 日 本 ▁runs runs . , ! és'.split(' ')

/** As that of multilingual sentence encoders, which come from SentencePiece by way of XLM-RoBERTa. */
export const unigram = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: ['<s>', '<pad>', '</s>', '<unk>'].map(special),
  normalizer: {
    type: 'Precompiled',
    precompiled_charsmap: inflateSync(Buffer.from(CHARSMAP, 'base64')).toString('base64'),
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁', add_prefix_space: true }],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [marker('<s>'), text('A'), marker('</s>')],
    pair: [marker('<s>'), text('A'), marker('</s>'), marker('</s>'), text('B'), marker('</s>')],
    special_tokens: {
      '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
      '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] },
    },
  },
  decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
  model: {
    type: 'Unigram',
    unk_id: 3,
    vocab: [
      ...['<s>', '<pad>', '</s>', '<unk>'].map((piece): [string, number] => [piece, 0]),
      ...PIECES.map((piece, index): [string, number] => [piece, -2 - 0.125 * index]),
    ],
  },
}

/** Writes a tokeniser and its settings into a folder. */
export async function writeTokeniser(folder: string, json: object, settings: object = {}): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json))
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))
}
