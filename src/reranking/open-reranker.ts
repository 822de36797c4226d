import { z } from 'zod'
import { readModelJson } from '../models/model-config.ts'
import { RERANKER_TYPE } from '../models/model-folder.ts'
import { openCrossEncoder } from '../models/pretrained/cross-encoder.ts'
import type { Reranker } from '../ports/reranker.ts'
import { openTrainedReranker, type TrainedRerankerOptions } from './trained-reranker.ts'

const kind = z.looseObject({ model_type: z.string() })

/**
 * Opens a reranker by its folder: one that was trained here, or a cross-encoder as published on the model hubs. Throws `model-invalid` or
 * `model-corrupt`.
 */
export async function openReranker(folder: string, options: TrainedRerankerOptions = {}): Promise<Reranker> {
  const { data } = kind.safeParse(await readModelJson(folder, 'config.json'))
  const { known, ...session } = options // a cross-encoder reads both texts together
  return data?.model_type === RERANKER_TYPE
    ? openTrainedReranker(folder, { ...session, known })
    : openCrossEncoder(folder, session)
}
