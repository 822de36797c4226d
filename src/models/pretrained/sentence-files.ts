import { existsSync } from 'node:fs'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { externalFiles } from '../hub/external-data.ts'
import { isSafePath } from '../hub/safe-path.ts'
import { onnxFileOf } from './onnx-file.ts'
import { readModules } from './sentence-modules.ts'

/** What a sentence encoder is opened from beside its network, where it has them. */
const SETTINGS = [
  'config.json',
  'modules.json',
  'sentence_bert_config.json',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
]

/**
 * The files that a sentence encoder is opened from, relative to its folder: of its networks only the one that is taken where nobody chooses.
 * Throws `model-invalid` where it has none, `model-unsafe` where it names a file outside of the folder.
 */
export async function sentenceFiles(folder: string): Promise<string[]> {
  const network = relative(folder, await onnxFileOf(folder, 'model')).replaceAll(sep, '/')
  const modules = (await readModules(folder)).filter(({ path }) => path !== '').map(({ path }) => `${path}/config.json`)
  const unsafe = modules.find((path) => !isSafePath(path))
  if (unsafe !== undefined) {
    throw new AppError('model-unsafe', `${folder} names a module outside of its folder; do not use this model.`)
  }
  const settings = [...SETTINGS, ...modules].filter((path) => existsSync(join(folder, path)))
  return [...settings, network, ...externalFiles(folder, network)]
}

/** Copies a sentence encoder to a folder of its own, in place of what was there. Throws as `sentenceFiles` does. */
export async function copySentenceEncoder(folder: string, target: string): Promise<void> {
  const files = await sentenceFiles(folder)
  await rm(target, { recursive: true, force: true })
  for (const file of files) {
    await mkdir(dirname(join(target, file)), { recursive: true })
    await copyFile(join(folder, file), join(target, file))
  }
}
