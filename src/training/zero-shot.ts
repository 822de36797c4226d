import { isOfSecondLayer } from './definitions/adapters.ts'
import { MAXIMUM_LOGIT_SCALE } from './definitions/dual-encoder.ts'
import type { Weights } from './definitions/serving.ts'
import { meanRecall } from './development-recall.ts'
import { exportModel } from './export-model.ts'
import type { ChosenPrecision } from './export-precision.ts'
import type { TrainingJob, TrainingResult } from './job.ts'
import { startJax } from './lowering/trace.ts'
import { shapeOf } from './job-shape.ts'
import { viewsOf } from './views.ts'

/** Weights, and the files that would be exported of them. */
export type Candidate = { readonly weights: Weights; readonly exported: ChosenPrecision }

/** Whether a job is done before anything is learned: a CLIP is asked for as it is. */
export const isZeroShot = ({ clip = null, hyperparameters }: Pick<TrainingJob, 'clip' | 'hyperparameters'>): boolean =>
  clip !== null && hyperparameters.adapterWidth === 0

/** The weights with adapters that add nothing to a CLIP. */
export const withoutAdapters = (weights: Weights): Weights =>
  Object.fromEntries(
    Object.entries(weights).map(([name, values]) => [
      name,
      isOfSecondLayer(name) ? new Float32Array(values.length) : values,
    ]),
  )

/** What was learned, where its files find more on the development fold than the CLIP does alone; else that one, also where there is no fold. */
export const betterOf = (learned: Candidate, zeroShot: Candidate): Candidate =>
  meanRecall(learned.exported.recall) > meanRecall(zeroShot.exported.recall) ? learned : zeroShot

/** Writes the model of a job that learns nothing: heads that bring a CLIP's embeddings to unit length. Reads no data. */
export async function exportZeroShot(job: TrainingJob): Promise<TrainingResult> {
  await startJax()
  const { outputFolder, modelVersion, clip } = job
  const weights = { logit_scale: Float32Array.of(MAXIMUM_LOGIT_SCALE) }
  const views = viewsOf(job.hyperparameters)
  await exportModel(outputFolder, { modelVersion, shape: shapeOf(job), views, weights, tokeniser: null, clip })
  const temperature = Math.exp(-MAXIMUM_LOGIT_SCALE)
  return { epochsRun: 0, bestEpoch: 0, history: [], metrics: {}, vocabularySize: 0, temperature }
}
