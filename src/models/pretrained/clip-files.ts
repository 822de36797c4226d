import { existsSync } from 'node:fs'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { externalFiles } from '../hub/external-data.ts'
import { clipNetworks } from './clip-towers.ts'
import type { Precision } from './onnx-file.ts'

/** A folder of a published CLIP, and which of its files are meant. */
export type ClipSource = {
  readonly folder: string
  /** Default full precision, else 8 bit, else half. */
  readonly precision?: Precision | undefined
}

/** What a CLIP is opened from beside its networks, and the terms it is passed on under, where it has them. */
const BESIDES = [
  ...['LICENSE', 'NOTICE'].flatMap((name) => ['', '.txt', '.md'].map((ending) => name + ending)),
  'config.json',
  'preprocessor_config.json',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
]

/**
 * The files that a CLIP is passed on as, relative to its folder: of its networks only those that are taken. Throws `model-invalid` where it
 * has none, or keeps weights beside them: models carry a network as one file, whose digest tells it from others.
 */
export async function clipFiles({ folder, precision }: ClipSource): Promise<string[]> {
  const networks = Object.values(await clipNetworks(folder, precision))
  const paths = [...new Set(networks.map((path) => relative(folder, path).replaceAll(sep, '/')))]
  for (const path of paths) {
    const [beside] = externalFiles(folder, path)
    if (beside === undefined) continue
    const advice = 'pull a smaller precision (fp16, int8), which is one file, and set CLIP_PRECISION'
    throw new AppError('model-invalid', `${folder}: ${path} keeps weights in ${beside}; ${advice}.`)
  }
  return [...BESIDES.filter((path) => existsSync(join(folder, path))), ...paths]
}

/** Copies what of a CLIP is needed to a folder of its own, in place of what was there. Throws as `clipFiles` does. */
export async function copyClip(source: ClipSource, target: string): Promise<void> {
  const files = await clipFiles(source)
  await rm(target, { recursive: true, force: true })
  for (const file of files) {
    await mkdir(dirname(join(target, file)), { recursive: true })
    await copyFile(join(source.folder, file), join(target, file))
  }
}
