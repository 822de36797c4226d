import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { readModelJson } from '../models/model-config.ts'
import { INTERACTION_FILE, RERANKER_TYPE, SENTENCE_FOLDER } from '../models/model-folder.ts'
import { copySentenceEncoder } from '../models/pretrained/sentence-files.ts'
import type { Weights } from '../training/definitions/serving.ts'
import { writeDurably } from '../training/weights-file.ts'
import { interactionFile } from './definitions/interaction-programs.ts'
import type { InteractionShape } from './definitions/interaction-shape.ts'

const configuration = z.object({
  model_type: z.literal(RERANKER_TYPE),
  model_version: z.string().min(1),
  /** What the states are by; one of another id has others. */
  encoder_id: z.string().min(1),
  /** The width of the states by the encoder in `sentence/`. */
  state_width: z.number().int().positive(),
  /** Ids of a query, and of a document, that are compared. */
  max_tokens: z.number().int().positive(),
  projection_width: z.number().int().positive(),
  hidden_width: z.number().int().positive(),
})

/** What `config.json` of a reranker says. */
export type RerankerConfiguration = z.infer<typeof configuration>

/** Where a reranker's own network lies in its folder. */
export const interactionPath = (folder: string): string => join(folder, INTERACTION_FILE)
export const sentencePath = (folder: string): string => join(folder, SENTENCE_FOLDER)

export type ExportedReranker = {
  readonly modelVersion: string
  readonly encoderId: string
  readonly shape: InteractionShape
  readonly weights: Weights
  /** The folder of the sentence encoder whose states it compares; its files are copied. */
  readonly encoderFolder: string
}

/** Writes a reranker as a model folder that `openTrainedReranker` opens. `config.json` comes last, so a folder with one is whole. */
export async function exportReranker(
  folder: string,
  { modelVersion, encoderId, shape, weights, encoderFolder }: ExportedReranker,
): Promise<void> {
  const config: RerankerConfiguration = {
    model_type: RERANKER_TYPE,
    model_version: modelVersion,
    encoder_id: encoderId,
    state_width: shape.stateWidth,
    max_tokens: shape.maxTokens,
    projection_width: shape.projectionWidth,
    hidden_width: shape.hiddenWidth,
  }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await copySentenceEncoder(encoderFolder, sentencePath(folder))
  await writeDurably(interactionPath(folder), [interactionFile(shape, weights)])
  await writeDurably(join(folder, 'config.json'), [Buffer.from(`${JSON.stringify(config, null, 2)}\n`)])
}

/** Reads a reranker's `config.json`. Throws `model-invalid` with the fields at fault. */
export async function readRerankerConfiguration(folder: string): Promise<RerankerConfiguration> {
  const parsed = configuration.safeParse(await readModelJson(folder, 'config.json'))
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the document'}: ${message}`)
  throw new AppError(
    'model-invalid',
    `${join(folder, 'config.json')} is not that of a reranker (${faults.join('; ')}).`,
  )
}
