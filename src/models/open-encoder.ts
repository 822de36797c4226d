import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { Encoder } from '../ports/encoder.ts'
import { openDualEncoder } from './dual-encoder.ts'
import { readModelJson } from './model-config.ts'
import { openClipEncoder } from './pretrained/clip-encoder.ts'

/**
 * Opens the encoder in a folder, by the `model_type` of its `config.json`: a dual encoder that was trained here, or a CLIP as the hubs
 * publish it. Throws `model-not-found`, `model-invalid` or `model-corrupt`.
 */
export async function openEncoder(folder: string, options: { readonly threads?: number } = {}): Promise<Encoder> {
  const config = (await readModelJson(folder, 'config.json')) as { readonly model_type?: unknown } | null
  const type = config?.model_type
  if (type === 'pairstream-dual-encoder') return openDualEncoder(folder, options)
  if (type === 'clip') return openClipEncoder(folder, options)
  const said = typeof type === 'string' ? `is of the type ${type}` : 'does not say its model_type'
  throw new AppError(
    'model-invalid',
    `${join(folder, 'config.json')} ${said}; pictures and texts are embedded by pairstream-dual-encoder and clip.`,
  )
}
