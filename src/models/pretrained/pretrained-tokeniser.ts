import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { AppError } from '../../core/errors.ts'
import { specialTokensOf, type Encoding } from './special-tokens.ts'
import { prepareFor } from './text-preparation.ts'
import { readTokeniserFiles, type TokeniserJson, type TokeniserSettings } from './tokeniser-json.ts'

/** Texts to ids, exactly as the library gives them that a pretrained model was trained with. */
export type PretrainedTokeniser = {
  /** Ids an encoding has at most, special tokens included. */
  readonly maxLength: number
  /** What fills the rest of a row. */
  readonly paddingId: number
  /** A text cut to `maxLength`; the special tokens that end it stay. */
  encode(text: string): Encoding
  /** Two texts in one row; the longer one is cut first, and both to a half where both are long. */
  encodePair(first: string, second: string): Encoding
}

/** Models without a limit of their own (relative positions) are not run on more. */
const LONGEST = 8192

/**
 * Opens `tokenizer.json` of a folder in the hub layout. Neither the length to which that file cuts nor that to which it fills is heeded,
 * since both are whatever was set when it was saved; the limit is `model_max_length` of `tokenizer_config.json`, or `maxLength` where
 * that is less. Throws `model-invalid`.
 */
export async function openPretrainedTokeniser(folder: string, maxLength = LONGEST): Promise<PretrainedTokeniser> {
  const { json, settings } = await readTokeniserFiles(folder)
  const limit = Math.min(maxLength, settings.model_max_length ?? LONGEST, LONGEST)
  const special = specialTokensOf(json.post_processor)
  const { prepare, json: remaining } = prepareFor(json)
  const library = build(remaining, settings, join(folder, 'tokenizer.json'))
  const roomForOne = Math.max(0, limit - special.aroundOne)
  const roomForPair = Math.max(0, limit - special.aroundPair)
  // A file without a token for the unknown leaves such words out.
  const idsOf = (text: string): readonly number[] =>
    library.encode(prepare(text), { add_special_tokens: false }).ids.filter(Number.isInteger)

  return {
    maxLength: limit,
    paddingId: paddingOf(json, settings, library),
    encode: (text) => special.frame([idsOf(text).slice(0, roomForOne)]),
    encodePair(first, second) {
      const texts = [idsOf(first), idsOf(second)] as const
      const lengths = cutPair(texts[0].length, texts[1].length, roomForPair)
      return special.frame(texts.map((ids, index) => ids.slice(0, lengths[index])))
    },
  }
}

function build(json: TokeniserJson, settings: TokeniserSettings, path: string): Tokenizer {
  try {
    return new Tokenizer({ ...json, post_processor: null, decoder: null }, settings)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('model-invalid', `${path} cannot be used (${reason}); fetch the model again.`, { cause })
  }
}

function paddingOf(json: TokeniserJson, { pad_token }: TokeniserSettings, library: Tokenizer): number {
  const named = typeof pad_token === 'string' ? library.token_to_id(pad_token) : undefined
  return named ?? json.padding?.pad_id ?? 0
}

/** Lengths of both texts of a pair that together fit into `room`: the "longest first" of Hugging Face's tokenizers. */
function cutPair(first: number, second: number, room: number): readonly [number, number] {
  if (first + second <= room) return [first, second]
  const shorter = Math.min(first, second)
  const half = Math.floor(room / 2)
  if (shorter > half) return first > second ? [room - half, half] : [half, room - half]
  return first > second ? [room - shorter, shorter] : [shorter, room - shorter]
}
