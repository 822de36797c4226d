import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import type { Precision } from '../../src/models/pretrained/onnx-file.ts'
import { writeModelCard, type CardSources } from '../../src/training/model-card/write-model-card.ts'
import { trainModel } from '../../src/training/train.ts'
import { FEATURE_WIDTH, smallJob } from './small-job.ts'

/** Edge of the pictures that the backbone takes. */
export const SIDE = 8

/** A backbone that was never trained, as wide as the features of small jobs. */
async function writeBackbone(folder: string): Promise<void> {
  const graph = createGraph('backbone')
  const pixels = graph.input('pixels', 'float32', ['batch', 3, SIDE, SIDE])
  const weights = Float32Array.from({ length: 3 * SIDE * SIDE * FEATURE_WIDTH }, (_, i) => Math.sin(i * 12.9898 + 1))
  const flat = graph.node('Flatten', [pixels])
  const features = graph.node('MatMul', [flat, graph.weight('w', weights, [3 * SIDE * SIDE, FEATURE_WIDTH])])
  graph.output('features', features, 'float32', ['batch', FEATURE_WIDTH])
  const preprocessor = { size: { height: SIDE, width: SIDE }, resample: 3 }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await writeFile(join(folder, 'onnx', 'model.onnx'), graph.encode())
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'untrained', license: 'apache-2.0' }))
}

/** Trains a small model and completes its folder, card and all. */
export async function exportSmallModel(
  folder: string,
  exportPrecision: Precision = 'fp32',
): Promise<{ readonly folder: string; readonly sources: CardSources }> {
  const job = await smallJob(folder, { maximumEpochs: 8, exportPrecision, embeddingWidth: 64, wordWidth: 64 })
  const result = await trainModel(job, () => undefined)
  const backbone = join(folder, 'backbone')
  await writeBackbone(backbone)
  await assembleModelFolder(job.outputFolder, backbone)
  const training = {
    seed: job.seed,
    backbone: '0123456789abcdef',
    sentenceEncoder: null,
    hyperparameters: job.hyperparameters,
  }
  const sources = { training, parent: null, snapshot: `snapshots/${'5a'.repeat(32)}`, result }
  await writeModelCard(job.outputFolder, sources)
  return { folder: job.outputFolder, sources }
}
