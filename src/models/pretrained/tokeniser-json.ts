import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { readModelJson } from '../model-config.ts'

const normaliser = z.looseObject({
  type: z.string(),
  lowercase: z.boolean().optional(),
  precompiled_charsmap: z.string().nullish(),
})

const preTokeniser = z.looseObject({
  type: z.string(),
  use_regex: z.boolean().optional(),
  add_prefix_space: z.boolean().optional(),
  get pretokenizers() {
    return z.array(preTokeniser).optional()
  },
})
export type PreTokeniser = z.infer<typeof preTokeniser>

const processor = z.looseObject({ type: z.string() })

/** `tokenizer.json` in the layout of Hugging Face's tokenizers: only what is looked at here; the library checks the rest. */
const tokeniserJson = z.looseObject({
  normalizer: normaliser
    .extend({ normalizers: z.array(normaliser).optional() })
    .nullable()
    .default(null),
  pre_tokenizer: preTokeniser.nullable().default(null),
  post_processor: processor
    .extend({ processors: z.array(processor).optional() })
    .nullable()
    .default(null),
  decoder: z.unknown().default(null),
  added_tokens: z.array(z.looseObject({ id: z.number().int(), content: z.string() })).default([]),
  padding: z.looseObject({ pad_id: z.number().int().nonnegative() }).nullish(),
  model: z.looseObject({ type: z.string() }),
})

export type TokeniserJson = z.infer<typeof tokeniserJson>

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])

const settings = z.looseObject({
  model_max_length: z.number().positive().nullish(),
  pad_token: token.nullish(),
})

export type TokeniserSettings = z.infer<typeof settings>

type TokeniserFiles = { readonly json: TokeniserJson; readonly settings: TokeniserSettings }

/**
 * Reads `tokenizer.json`, and `tokenizer_config.json` and `special_tokens_map.json` where the folder has them. Throws `model-invalid`.
 */
export async function readTokeniserFiles(folder: string): Promise<TokeniserFiles> {
  const json = parsed(tokeniserJson, await readModelJson(folder, 'tokenizer.json'), join(folder, 'tokenizer.json'))
  const read = async (name: string): Promise<TokeniserSettings> => {
    const value = await readModelJson(folder, name, { optional: true })
    return parsed(settings, value ?? {}, join(folder, name))
  }
  const special = await read('special_tokens_map.json')
  return { json, settings: { ...special, ...(await read('tokenizer_config.json')) } }
}

/** The value as the schema describes it. Throws `model-invalid` with the file and the fields at fault. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path: at, message }) => `${at.join('.') || 'the document'}: ${message}`)
  throw new AppError('model-invalid', `${path} cannot be used (${faults.join('; ')}); fetch the model again.`)
}
