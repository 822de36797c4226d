import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { partThatMakes } from './graph-part.ts'
import { findOnnxFile, type Precision } from './onnx-file.ts'
import type { PretrainedSessionOptions } from './pretrained-session.ts'
import { openTextGraph, type TextGraph } from './text-graph.ts'
import { openVisionTower, type VisionTower } from './vision-tower.ts'

/** Both halves of a CLIP: pictures and texts to embeddings of one width, not normalised. */
export type ClipTowers = {
  /** As a backbone, so that its features can be cached and trained on like any other's. */
  readonly vision: VisionTower
  readonly text: TextGraph
}

export type ClipTowerOptions = PretrainedSessionOptions & {
  /** Which of the folder's files. Default full precision, else 8 bit, else half. */
  readonly precision?: Precision | undefined
}

type Sources = { readonly vision: string | Uint8Array; readonly text: string | Uint8Array }

/** As Optimum and transformers.js name it, and as open_clip does. */
const TEXT_OUTPUTS = ['text_embeds', 'text_features']

/** Opens both halves. Throws `model-invalid` or `model-corrupt`. */
export async function openClipTowers(
  folder: string,
  paddingId: number,
  options: ClipTowerOptions,
): Promise<ClipTowers> {
  const sources = await sourcesOf(folder, options.precision)
  const vision = await openVisionTower(folder, sources.vision, options)
  try {
    const text = await openTextGraph(sources.text, {
      ...options,
      paddingId,
      choose: (outputs) => outputs.find(({ name, shape }) => TEXT_OUTPUTS.includes(name) && shape.length === 2),
    })
    return { vision, text }
  } catch (error) {
    await vision.close()
    throw error
  }
}

/**
 * The file of each half: `vision_model` and `text_model`, or one of both, `model`. Throws `model-invalid` where there is neither in the wanted
 * precision.
 */
export async function clipNetworks(
  folder: string,
  precision: Precision | undefined,
): Promise<{ readonly vision: string; readonly text: string }> {
  const vision = await findOnnxFile(folder, 'vision_model', precision)
  const text = await findOnnxFile(folder, 'text_model', precision)
  if (vision !== null && text !== null) return { vision, text }
  const joint = await findOnnxFile(folder, 'model', precision)
  if (joint !== null) return { vision: joint, text: joint }
  const wanted = precision === undefined ? '' : ` in ${precision}`
  const files = join('onnx', '{vision_model,text_model}.onnx')
  throw new AppError(
    'model-invalid',
    `${folder} has neither ${files} nor onnx/model.onnx${wanted}; fetch them as well.`,
  )
}

async function sourcesOf(folder: string, precision: Precision | undefined): Promise<Sources> {
  const files = await clipNetworks(folder, precision)
  if (files.vision !== files.text) return files
  const both = await readFile(files.vision)
  return { vision: partThatMakes(both, 'image_embeds'), text: partThatMakes(both, 'text_embeds') }
}
