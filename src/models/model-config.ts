import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { views } from './views.ts'

const size = z.number().int().positive()
const configuration = z.object({
  model_type: z.literal('pairstream-dual-encoder'),
  model_version: z.string().min(1),
  projection_dim: size,
  feature_width: size,
  /** The regions of a picture that end a row of features, for a head that attends to them; nothing where there are none. */
  regions: z.object({ rows: size, columns: size, width: size }).nullish(),
  max_length: size,
  views: z.array(z.enum(views)).min(1),
  /** What reads the model's own words; nothing where that is left to the sentence encoder, and in models from before there was a choice. */
  text_tower: z.looseObject({ kind: z.string() }).nullish(),
  /** The width of the embeddings by the encoder in `sentence/`, or by the CLIP; nothing where the model has neither. */
  sentence_width: size.nullish(),
  /** The CLIP in `clip/` that the model builds on, by its id, and the width of the adapters over it; nothing where it has none. */
  clip: z.object({ id: z.string(), adapter_width: z.number().int().nonnegative() }).nullish(),
})

/** What `config.json` of a dual encoder must say; what else it says is for its trainer. */
export type DualEncoderConfiguration = z.infer<typeof configuration>

/** Reads a file of a model as JSON; null where an optional one is missing. Throws `model-invalid` when it is missing or is not JSON. */
export async function readModelJson(
  folder: string,
  name: string,
  { optional = false }: { readonly optional?: boolean } = {},
): Promise<unknown> {
  const path = join(folder, name)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (optional) return 'null'
    throw new AppError('model-invalid', `${path} is missing; check the folder, or export the model again.`, { cause })
  })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('model-invalid', `${path} is not JSON; export the model again.`, { cause })
  }
}

/** Reads a dual encoder's `config.json`. Throws `model-invalid` with the fields at fault. */
export async function readDualEncoderConfiguration(folder: string): Promise<DualEncoderConfiguration> {
  const parsed = configuration.safeParse(await readModelJson(folder, 'config.json'))
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`)
  throw new AppError(
    'model-invalid',
    `${join(folder, 'config.json')} is not that of a dual encoder (${faults.join('; ')}).`,
  )
}
