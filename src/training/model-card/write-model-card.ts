import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { chooseOutputs } from '../../models/backbone-outputs.ts'
import {
  readDualEncoderConfiguration,
  readModelJson,
  type DualEncoderConfiguration,
} from '../../models/model-config.ts'
import {
  CLIP_FOLDER,
  IMAGE_BACKBONE_FILE,
  IMAGE_HEAD_FILE,
  MODEL_CARD_FILE,
  TEXT_MODEL_FILE,
} from '../../models/model-folder.ts'
import { openOnnxSession, type OnnxSession } from '../../models/onnx-session.ts'
import { parsePreprocessing } from '../../models/preprocessing.ts'
import { clipFiles } from '../../models/pretrained/clip-files.ts'
import { cardText, CURVE_FILE, type CardFacts } from './card-text.ts'
import { exampleProgram } from './example-program.ts'
import { learningCurve } from './learning-curve.ts'

/** What the folder itself does not say of its model. */
export type CardSources = Pick<CardFacts, 'training' | 'parent' | 'snapshot' | 'result'>

const exported = z.object({ precision: z.enum(['fp32', 'fp16', 'int8']).default('fp32') })
const backboneConfiguration = z.object({
  model_type: z.string().nullable().catch(null),
  license: z.string().nullable().catch(null),
})

async function tensorsOf(path: string): Promise<Pick<OnnxSession, 'inputs' | 'outputs'>> {
  const session = await openOnnxSession(path)
  await session.close()
  return session
}

/** Null where more than the folder's own files are needed, or more than a few lines. */
async function programFor(folder: string, configuration: DualEncoderConfiguration): Promise<string | null> {
  const textModel = await tensorsOf(join(folder, TEXT_MODEL_FILE))
  // Embeddings of the text by a sentence encoder, which is no part of this.
  if (textModel.inputs.some(({ name }) => name === 'sentence_embeds')) return null
  const path = join(folder, IMAGE_BACKBONE_FILE)
  const { features, map } = chooseOutputs((await tensorsOf(path)).outputs, path)
  const { regions: wanted = null } = configuration
  // A map that the file does not show by itself.
  if (wanted !== null && map === null) return null
  const regions = wanted === null || map === null ? null : { ...wanted, map }
  const preprocessing = parsePreprocessing(await readFile(join(folder, 'preprocessor_config.json'), 'utf8'))
  return exampleProgram({ configuration, preprocessing, features, regions })
}

async function fileSizes(folder: string, isOnClip: boolean): Promise<Record<string, number>> {
  const frozen = isOnClip ? await clipNetworkFiles(folder) : [IMAGE_BACKBONE_FILE]
  const paths = [...frozen, IMAGE_HEAD_FILE, TEXT_MODEL_FILE]
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, (await stat(join(folder, path))).size] as const)),
  )
}

const clipNetworkFiles = async (folder: string): Promise<string[]> =>
  (await clipFiles({ folder: join(folder, CLIP_FOLDER) }))
    .filter((path) => path.endsWith('.onnx'))
    .map((path) => `${CLIP_FOLDER}/${path}`)

/**
 * Writes the card of a complete model folder, `README.md` as the model hubs want it, and the learning curve that it shows where anything was learned. The same training
 * gives the same bytes. Throws `model-invalid` or `model-corrupt` where the folder is no model.
 */
export async function writeModelCard(folder: string, sources: CardSources): Promise<void> {
  const configuration = await readDualEncoderConfiguration(folder)
  const { precision } = exported.parse(await readModelJson(folder, 'config.json'))
  const isOnClip = configuration.clip != null
  const frozenConfiguration = isOnClip ? `${CLIP_FOLDER}/config.json` : 'backbone_config.json'
  const named = await readModelJson(folder, frozenConfiguration, { optional: true })
  const { model_type: kind, license: licence } = backboneConfiguration.parse(named ?? {})
  const facts: CardFacts = {
    ...sources,
    modelVersion: configuration.model_version,
    embeddingWidth: configuration.projection_dim,
    precision,
    backbone: { kind, licence },
    isOnClip,
    files: await fileSizes(folder, isOnClip),
    program: await programFor(folder, configuration),
  }
  const { history, bestEpoch } = sources.result
  if (history.length > 0) await writeFile(join(folder, CURVE_FILE), learningCurve(history, bestEpoch))
  await writeFile(join(folder, MODEL_CARD_FILE), cardText(facts))
}
