import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { readModelJson } from '../model-config.ts'
import { parsed } from './tokeniser-json.ts'

/** How the states of a text's ids become one vector. */
export type Pooling = 'mean' | 'cls' | 'max'

export type SentenceConfiguration = {
  readonly pooling: Pooling
  /** Ids a text is cut at. */
  readonly maxLength: number
  readonly lowerCase: boolean
}

const modules = z.array(z.looseObject({ path: z.string(), type: z.string() }))
const transformer = z.looseObject({
  max_seq_length: z.number().int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
})
const network = z.looseObject({
  model_type: z.string().nullish(),
  max_position_embeddings: z.number().int().positive().nullish(),
})
const pooling = z.looseObject({ pooling_mode: z.string().optional() })

/** Where positions are counted from behind the padding id, two of them are never used. */
const COUNTED_FROM_TWO = /^(xlm-)?roberta|^camembert|^mpnet/

/** The flags of `1_Pooling/config.json`, one for each way that sentence-transformers knows. */
const flags: Readonly<Record<string, Pooling>> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
}

/** The modules that a text goes through, with their folders; none where the folder is that of a plain transformer. Throws `model-invalid`. */
export async function readModules(folder: string): Promise<z.infer<typeof modules>> {
  const list = await readModelJson(folder, 'modules.json', { optional: true })
  return list === null ? [] : parsed(modules, list, join(folder, 'modules.json'))
}

/**
 * Reads a folder as sentence-transformers lays it out: `modules.json`, the pooling's folder, `sentence_bert_config.json`. A plain
 * transformer without these is pooled by its mean, as that library does. Throws `model-invalid` where the folder has a module or a
 * pooling that is not known here.
 */
export async function readSentenceConfiguration(folder: string): Promise<SentenceConfiguration> {
  const read = async <T>(schema: z.ZodType<T>, name: string): Promise<T> =>
    parsed(schema, (await readModelJson(folder, name, { optional: true })) ?? {}, join(folder, name))
  let chosen: Pooling = 'mean'
  for (const { type, path } of await readModules(folder)) {
    const kind = type.split('.').at(-1) ?? ''
    if (kind === 'Pooling') chosen = poolingOf(await read(pooling, join(path, 'config.json')), folder)
    else if (kind !== 'Transformer' && kind !== 'Normalize') {
      throw new AppError(
        'model-invalid',
        `${folder} has a module ${kind} behind its transformer, which is not run here; choose a model without one.`,
      )
    }
  }
  const { max_seq_length, do_lower_case } = await read(transformer, 'sentence_bert_config.json')
  const { maxLength } = await readPositions(folder)
  return {
    pooling: chosen,
    maxLength: Math.min(max_seq_length ?? maxLength, maxLength),
    lowerCase: do_lower_case ?? false,
  }
}

/** The ids that a transformer has positions for, by its `config.json`; without limit where that says nothing. */
export async function readPositions(folder: string): Promise<{ readonly maxLength: number }> {
  const value = (await readModelJson(folder, 'config.json', { optional: true })) ?? {}
  const { model_type, max_position_embeddings } = parsed(network, value, join(folder, 'config.json'))
  const unused = COUNTED_FROM_TWO.test(model_type ?? '') ? 2 : 0
  return { maxLength: (max_position_embeddings ?? Infinity) - unused }
}

function poolingOf(config: z.infer<typeof pooling>, folder: string): Pooling {
  const on = Object.keys(config).filter((name) => name.startsWith('pooling_mode_') && config[name] === true)
  const names = config.pooling_mode === undefined ? on : [config.pooling_mode]
  const [name = ''] = names
  const found = flags[name] ?? Object.values(flags).find((way) => way === name)
  if (names.length === 1 && found !== undefined) return found
  throw new AppError(
    'model-invalid',
    `${folder} is pooled by ${names.join(' and ') || 'nothing'}; mean, cls and max are known.`,
  )
}
