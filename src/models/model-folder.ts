import { copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { readModelJson } from './model-config.ts'
import { clipFiles, copyClip, type ClipSource } from './pretrained/clip-files.ts'
import { copySentenceEncoder, sentenceFiles } from './pretrained/sentence-files.ts'

/** The files of a dual encoder, relative to its folder. */
const CONFIG_FILE = 'config.json'
const PREPROCESSOR_FILE = 'preprocessor_config.json'
const TOKENISER_FILE = 'tokenizer.json'
export const IMAGE_BACKBONE_FILE = 'onnx/image_backbone.onnx'
export const IMAGE_HEAD_FILE = 'onnx/image_head.onnx'
export const TEXT_MODEL_FILE = 'onnx/text_model.onnx'
/** The sentence encoder of a model that builds on one: a folder as it is published. */
export const SENTENCE_FOLDER = 'sentence'
/** The CLIP of a model that builds on one, in place of backbone and sentence encoder: a folder as it is published. */
export const CLIP_FOLDER = 'clip'
/** What people and the model hubs read; a model works without it. */
export const MODEL_CARD_FILE = 'README.md'
/** The network of a backbone's own folder. */
const BACKBONE_FILE = 'onnx/model.onnx'
/** What a backbone's own `config.json` is called within a model, which has one too. */
const BACKBONE_CONFIG_FILE = 'backbone_config.json'

/** What tells the folder of a reranker that was trained here from others, and its own network. */
export const RERANKER_TYPE = 'pairstream-reranker'
export const INTERACTION_FILE = 'onnx/interaction.onnx'

const required = [CONFIG_FILE, PREPROCESSOR_FILE, TOKENISER_FILE, IMAGE_BACKBONE_FILE, IMAGE_HEAD_FILE, TEXT_MODEL_FILE]
const requiredOnClip = [
  CONFIG_FILE,
  IMAGE_HEAD_FILE,
  TEXT_MODEL_FILE,
  ...[CONFIG_FILE, PREPROCESSOR_FILE, TOKENISER_FILE].map((file) => `${CLIP_FOLDER}/${file}`),
]

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isFile() === true
const isFolder = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isDirectory() === true

async function checkFiles(folder: string, files: readonly string[]): Promise<void> {
  if (!(await isFolder(folder))) {
    throw new AppError('model-not-found', `There is no folder ${folder}; give the folder of a model.`)
  }
  for (const file of files) {
    if (await isFile(join(folder, file))) continue
    throw new AppError('model-invalid', `${folder} is not a complete model: ${file} is missing.`)
  }
}

const kind = z.looseObject({
  model_type: z.string().nullish(),
  sentence_width: z.number().nullish(),
  clip: z.looseObject({}).nullish(),
})

/** Throws `model-not-found` where there is no folder, `model-invalid` naming the first file that a model of its kind lacks. */
export async function checkModelFolder(folder: string): Promise<void> {
  await checkFiles(folder, [])
  const { data } = kind.safeParse(await readModelJson(folder, CONFIG_FILE, { optional: true }))
  if (data?.clip != null) {
    await checkFiles(folder, requiredOnClip)
    await clipFiles({ folder: join(folder, CLIP_FOLDER) })
    return
  }
  const isReranker = data?.model_type === RERANKER_TYPE
  await checkFiles(folder, isReranker ? [INTERACTION_FILE] : required)
  if (!isReranker && data?.sentence_width == null) return
  await checkFiles(folder, [`${SENTENCE_FOLDER}/${TOKENISER_FILE}`])
  await sentenceFiles(join(folder, SENTENCE_FOLDER))
}

/** Completes what a training wrote with the CLIP it was made on. Throws `model-not-found` or `model-invalid`. */
export async function assembleClipModel(trainedFolder: string, clip: ClipSource): Promise<void> {
  await copyClip(clip, join(trainedFolder, CLIP_FOLDER))
  await checkModelFolder(trainedFolder)
}

/**
 * Completes what a training wrote with the backbone and the sentence encoder it was trained on, so that the folder needs nothing else.
 * Throws `model-not-found` or `model-invalid`.
 */
export async function assembleModelFolder(
  trainedFolder: string,
  backboneFolder: string,
  sentenceFolder: string | null = null,
): Promise<void> {
  await checkFiles(backboneFolder, [BACKBONE_FILE, PREPROCESSOR_FILE])
  await mkdir(join(trainedFolder, dirname(IMAGE_BACKBONE_FILE)), { recursive: true })
  await copyFile(join(backboneFolder, BACKBONE_FILE), join(trainedFolder, IMAGE_BACKBONE_FILE))
  await copyFile(join(backboneFolder, PREPROCESSOR_FILE), join(trainedFolder, PREPROCESSOR_FILE))
  if (await isFile(join(backboneFolder, CONFIG_FILE))) {
    await copyFile(join(backboneFolder, CONFIG_FILE), join(trainedFolder, BACKBONE_CONFIG_FILE))
  }
  if (sentenceFolder !== null) await copySentenceEncoder(sentenceFolder, join(trainedFolder, SENTENCE_FOLDER))
  await checkModelFolder(trainedFolder)
}

/** All files of a model folder, relative to it, sorted. */
export async function listModelFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  return files.map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length)).sort()
}
